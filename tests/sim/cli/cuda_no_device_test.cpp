// A build with the CUDA backend on a machine without a device: it says so, and all else works.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "sim/cli/command_line.hpp"
#include "tests/sim/outcome.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

class CudaWithoutADevice : public testing::Test {
 public:
  ~CudaWithoutADevice() override { std::filesystem::remove_all(path_); }

 protected:
  Outcome train(const std::string& backend, const std::vector<std::string>& more = {}) {
    std::vector<std::string> args{"train", "--preset",         "ssgd-mv", "--backend",
                                  backend, "--width",          "2",       "--workers",
                                  "2",     "--batch",          "8",       "--synthetic-train",
                                  "64",    "--synthetic-test", "16",      "--epochs",
                                  "1",     "--rounds",         "2",       "--out",
                                  path_};
    args.insert(args.end(), more.begin(), more.end());
    return run(args);
  }

  const std::string path_ = testing::TempDir() + "mvsgd_cuda_no_device";
};

TEST_F(CudaWithoutADevice, TrainingExits3WithTheReasonAndLeavesNothing) {
  for (const char* precision : {"fp32", "tf32", "bf16"}) {
    const Outcome outcome = train("cuda", {"--precision", precision});
    EXPECT_EQ(outcome.code, Exit::bad_input) << precision;
    // Once for a machine without a driver, once for a driver whose devices are hidden.
    EXPECT_THAT(outcome.err,
                testing::AnyOf(HasSubstr("no CUDA device: CUDA driver version is insufficient"),
                               HasSubstr("no CUDA device: no CUDA-capable device is detected")));
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

TEST_F(CudaWithoutADevice, WhatItCannotTakeIsRefusedBeforeItIsLookedFor) {
  const Outcome outcome =
      run({"train", "--backend", "cuda", "--set", "conv_algorithm=direct", "--out", path_});
  EXPECT_EQ(outcome.code, Exit::usage);
  EXPECT_THAT(outcome.err, HasSubstr("conv_algorithm: backend = cuda takes the first deterministic "
                                     "engine of its precision"));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(CudaWithoutADevice, InfoSaysSo) {
  const Outcome outcome = run({"info"});
  EXPECT_EQ(outcome.code, Exit::good);
  EXPECT_THAT(outcome.out, HasSubstr("cuda (no CUDA device: "));
}

TEST_F(CudaWithoutADevice, TheProcessorTrainsAsBefore) {
  const Outcome outcome = train("reference");
  EXPECT_EQ(outcome.code, Exit::good) << outcome.err;
}

}  // namespace
}  // namespace mvsgd::sim
