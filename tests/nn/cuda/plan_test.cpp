// Tier cuda_plan: the real cuDNN, given descriptions of absent devices, has a deterministic plan
// for every graph of the model. Nothing is executed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "tests/nn/cuda/model_graphs.hpp"

namespace mvsgd::nn::cuda {
namespace {

using ::testing::HasSubstr;

// An A100 and an H100 described for cuDNN, from NVIDIA's data sheets and the occupancy tables of
// their compute capabilities.
constexpr const char* kA100 =
    R"({"deviceVer":800,"multiProcessorCount":108,"warpSize":32,"maxSharedMemoryPerBlock":49152,)"
    R"("maxSharedMemoryPerBlockOptin":166912,"reservedSharedMemoryPerBlock":1024,)"
    R"("maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,)"
    R"("maxThreadsPerSM":2048,"regsPerBlock":65536,"totalGlobalMem":85100068864,)"
    R"("smClockRateKHz":1410000,"l2CacheSize":41943040,"maxBlockSize":[1024,1024,64],)"
    R"("memClockRateKHz":1593000,"maxGridSize":[2147483647,65535,65535],"supportCoopLaunch":1,)"
    R"("pciDeviceId":0,"isTccDriver":0,"cudaDeviceId":0,"driverVer":13000,)"
    R"("deviceName":"NVIDIA A100-SXM4-80GB"})";
constexpr const char* kH100 =
    R"({"deviceVer":900,"multiProcessorCount":132,"warpSize":32,"maxSharedMemoryPerBlock":49152,)"
    R"("maxSharedMemoryPerBlockOptin":232448,"reservedSharedMemoryPerBlock":1024,)"
    R"("maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,)"
    R"("maxThreadsPerSM":2048,"regsPerBlock":65536,"totalGlobalMem":84942979072,)"
    R"("smClockRateKHz":1980000,"l2CacheSize":52428800,"maxBlockSize":[1024,1024,64],)"
    R"("memClockRateKHz":2619000,"maxGridSize":[2147483647,65535,65535],"supportCoopLaunch":1,)"
    R"("pciDeviceId":0,"isTccDriver":0,"cudaDeviceId":0,"driverVer":13000,)"
    R"("deviceName":"NVIDIA H100 80GB HBM3"})";

// The output of probe(), run in a process of its own: a graph that is new to the library may crash
// it.
std::string in_a_child(const std::function<std::string()>& probe) {
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const std::string told = probe();
    const bool written = write(pipe_ends[1], told.data(), told.size()) >= 0;
    _exit(written ? 0 : 1);
  }
  close(pipe_ends[1]);
  std::string told;
  std::array<char, 4096> part{};
  for (ssize_t size = 0; (size = read(pipe_ends[0], part.data(), part.size())) > 0;) {
    told.append(part.data(), static_cast<std::size_t>(size));
  }
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? told : "the library crashed";
}

std::string outcome(const char* device, const testing::ModelGraph& graph) {
  return in_a_child([&]() -> std::string {
    try {
      return graph(Target::described(device)).text();
    } catch (const std::exception& error) {
      return error.what();
    }
  });
}

struct Case {
  const char* name;
  const char* device;
  Precision precision;
  std::int64_t width;
};

class EveryGraphOfTheModel : public ::testing::TestWithParam<Case> {
 protected:
  // The library's first ranking takes a third of a second, so it is made here and not in every
  // child.
  static void SetUpTestSuite() {
    const ConvolutionProblem problem({64, 8, 32, 32}, {8, 8, 3, 3}, {.stride = 1, .padding = 1});
    for (const char* device : {kA100, kH100}) {
      static_cast<void>(plan_convolution(Target::described(device), Graph::Pass::forward, problem,
                                         Precision::fp32));
    }
  }
};

TEST_P(EveryGraphOfTheModel, HasADeterministicPlan) {
  const Case& given = GetParam();
  for (const auto& graph : testing::model_graphs(given.width, 64, given.precision)) {
    EXPECT_THAT(outcome(given.device, graph), HasSubstr(": engine "));
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& [device, text] : {std::pair{"sm_80", kA100}, std::pair{"sm_90", kH100}}) {
    for (const std::int64_t width : {8, 16, 64}) {
      for (const auto precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
        all.push_back({device, text, precision, width});
      }
    }
  }
  return all;
}

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  constexpr std::array<const char*, 3> kPrecisions{"fp32", "tf32", "bf16"};
  return std::string(info.param.name) + "_" +
         kPrecisions.at(static_cast<std::size_t>(info.param.precision)) + "_width" +
         std::to_string(info.param.width);
}

INSTANTIATE_TEST_SUITE_P(Devices, EveryGraphOfTheModel, ::testing::ValuesIn(cases()), name_of);

// Not every plan exists: the library does refuse, with its own reason.
TEST(Planning, IsRefusedWithCudnnsReason) {
  const auto batch_norm = [](std::int64_t channels) -> testing::ModelGraph {
    return [=](const Target& target) { return plan_batch_norm(target, {2, channels, 8, 8}, {}); };
  };
  EXPECT_THAT(outcome(kA100, batch_norm(5)), HasSubstr("batch_norm 2x5x8x8: cuDNN: "));
  EXPECT_THAT(outcome("{}", batch_norm(8)), HasSubstr("cuDNN: "));
}

}  // namespace
}  // namespace mvsgd::nn::cuda
