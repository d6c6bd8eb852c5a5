// The memory that a training step takes from the system.
#include "tests/nn/steady_step.hpp"

#include <gtest/gtest.h>

#include <string>

#include "nn/onednn/make_onednn.hpp"
#include "tests/sanitizers.hpp"

namespace mvsgd::nn {
namespace {

using testing::peak_mebibytes;
using testing::Training;

// The first step fills the pool. Some of its buffers are kept for reordered weights, which the
// second step replaces.
TEST(SteadyStep, AllocatesNothingLarge) {
  Training training(make_onednn_backend(), 8, 16);
  EXPECT_EQ(requests_of_steady_steps(training), 0);
}

// All memory: parameters and gradients, weights in oneDNN's layouts, activations, scratchpad and
// generated code.
TEST(SteadyStep, TakesAtMost700MebibytesAtThePapersSize) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer's own memory is resident, too";
  const long before = peak_mebibytes();
  Training training(make_onednn_backend(), 64, 64);
  for (int i = 0; i < 3; ++i) training.step();
  const long taken = peak_mebibytes() - before;
  RecordProperty("mebibytes", std::to_string(taken));
  EXPECT_GT(taken, 300) << "the activations alone are more";
  EXPECT_LE(taken, 700);
}

}  // namespace
}  // namespace mvsgd::nn
