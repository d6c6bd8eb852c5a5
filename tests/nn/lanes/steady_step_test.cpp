// The memory that a training step takes from the system.
#include "tests/nn/steady_step.hpp"

#include <gtest/gtest.h>

#include <string>

#include "nn/lanes/make_lanes.hpp"
#include "tests/sanitizers.hpp"

namespace mvsgd::nn {
namespace {

using testing::peak_mebibytes;
using testing::Training;

class SteadyStepOf : public ::testing::TestWithParam<LanesOptions> {};

INSTANTIATE_TEST_SUITE_P(
    Precisions, SteadyStepOf,
    ::testing::Values(LanesOptions{},
                      LanesOptions{.convolution = ConvolutionChoice::winograd, .bf16 = true},
                      LanesOptions{.convolution = ConvolutionChoice::direct, .bf16 = true}),
    [](const auto& tested) {
      if (!tested.param.bf16) return "fp32";
      return tested.param.convolution == ConvolutionChoice::direct ? "bf16direct" : "bf16";
    });

// The first step fills the pool. The second asks for buffers in another order, since some are still
// held.
TEST_P(SteadyStepOf, AllocatesNothingLarge) {
  Training training(make_lanes_backend(GetParam()), 8, 16);
  EXPECT_EQ(requests_of_steady_steps(training), 0);
}

// All memory: parameters and gradients, packed weights, activations, scratch.
TEST(SteadyStep, TakesAtMost700MebibytesAtThePapersSize) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer's own memory is resident, too";
  if (lanes::best_isa() == lanes::Isa::portable) {
    GTEST_SKIP() << "the portable loops take a minute a step";
  }
  const long before = peak_mebibytes();
  Training training(make_lanes_backend(), 64, 64);
  training.step();
  const long taken = peak_mebibytes() - before;
  RecordProperty("mebibytes", std::to_string(taken));
  EXPECT_GT(taken, 300) << "the activations alone are more";
  EXPECT_LE(taken, 700);
}

}  // namespace
}  // namespace mvsgd::nn
