// One digest on every processor: whole runs at the settings of `--scale cpu`, with fewer workers
// and rounds, with every instruction set of the processor, and with one thread and more.
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

// They are the same on every processor, with every compiler, at every optimisation level. If one
// changes, the order of some sum has changed: find out why first.
constexpr std::array<Golden, 4> kGolden{{
    {"dense", "6fc176aff07ae564a1fd5c5560e9452aba15f9556fafb4bb4afdbe537376ef1c"},
    {"top-k", "bee55c7759e2c962ea7163a9aa86092e24e8bc4fee063f3b2d1522704f07b8dd"},
    {"ssgd-mv-l4", "527f7e2dacbe3ec15c0a0179b1bda1a795e944c3e44dc7c2626c2ffce2620f57"},
    {"ssgd-mv-ad-l4-q", "551beeb115a894eb464ff824c2f7b1663847de510563571e8579db5b3c084acf"},
}};

const data::TrainTest& images() {
  static const data::TrainTest all = data::synthesize({.train = 72, .test = 24});
  return all;
}

/// Three rounds of two workers with batches of 16: one of warm-up and two sparse ones, six steps
/// for H = 4. The test set's last batch leaves some lanes without an image.
std::string digest_of(const char* preset, const std::string& instruction_set,
                      const std::string& threads) {
  Settings settings = trial_settings(scale("cpu"), preset, 1,
                                     {{"workers", "2"},
                                      {"epochs", "3"},
                                      {"rounds", "3"},
                                      {"eval_every", "3"},
                                      {"backend", "lanes"},
                                      {"instruction_set", instruction_set},
                                      {"threads_per_worker", threads}});
  EXPECT_EQ(bits_of(settings), kPortable);
  return run_trial(settings, images(), {}).digest;
}

class PortableDigest : public testing::TestWithParam<Golden> {};

TEST_P(PortableDigest, IsTheGoldenOneWithEveryInstructionSet) {
  using nn::lanes::Isa;
  for (const Isa isa : {Isa::avx512, Isa::avx2, Isa::portable}) {
    if (!supports(isa)) continue;
    EXPECT_EQ(digest_of(GetParam().preset, std::string(name(isa)), "1"), GetParam().digest)
        << name(isa);
  }
}

TEST_P(PortableDigest, IsTheGoldenOneWithMoreThreadsAWorker) {
  EXPECT_EQ(digest_of(GetParam().preset, "best", MVSGD_MOST_THREADS), GetParam().digest);
}

INSTANTIATE_TEST_SUITE_P(Of, PortableDigest, testing::ValuesIn(kGolden),
                         [](const testing::TestParamInfo<Golden>& golden) {
                           std::string name = golden.param.preset;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace mvsgd::sim
