// One digest on every processor: whole runs at the settings of `--scale cpu`, but for their number
// of workers and rounds, with every instruction set that the processor has and with one thread and
// more.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "data/synthetic.hpp"
#include "nn/lanes/isa.hpp"
#include "sim/plan/keys.hpp"
#include "sim/reproduce/scale.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {
namespace {

struct Golden {
  const char* preset;
  const char* digest;
};

// They must come out on every processor, with every compiler, at every optimisation level. If one
// changes, an order of sums has: find out why first.
constexpr std::array<Golden, 4> kGolden{{
    {"dense", ""},
    {"top-k", ""},
    {"ssgd-mv-l4", ""},
    {"ssgd-mv-ad-l4-q", ""},
}};

const data::TrainTest& images() {
  static const data::TrainTest all = data::synthesize({.train = 72, .test = 24});
  return all;
}

/// Six steps of two workers with batches of 16: one of warm-up, and for H = 4 two sparse rounds.
/// The last batch of an epoch, and those of the test, leave lanes without an image.
std::string digest_of(const char* preset, const std::string& instruction_set,
                      const std::string& threads) {
  Settings settings = trial_settings(scale("cpu"), preset, 1,
                                     {{"workers", "2"},
                                      {"epochs", "3"},
                                      {"eval_every", "3"},
                                      {"backend", "lanes"},
                                      {"instruction_set", instruction_set},
                                      {"threads_per_worker", threads}});
  EXPECT_EQ(bits_of(settings), kPortable);
  return run_trial(settings, images(), {}).digest;
}

class PortableDigest : public testing::TestWithParam<Golden> {};

TEST_P(PortableDigest, IsTheGoldenOneWithEveryInstructionSetAndThreadCount) {
  for (const auto isa : {nn::lanes::Isa::portable, nn::lanes::Isa::avx2, nn::lanes::Isa::avx512}) {
    if (!nn::lanes::supports(isa)) continue;
    for (const char* const threads : {"1", MVSGD_MOST_THREADS}) {
      EXPECT_EQ(digest_of(GetParam().preset, std::string(name(isa)), threads), GetParam().digest)
          << name(isa) << ", threads_per_worker = " << threads;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, PortableDigest, testing::ValuesIn(kGolden),
                         [](const testing::TestParamInfo<Golden>& golden) {
                           std::string name = golden.param.preset;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace mvsgd::sim
