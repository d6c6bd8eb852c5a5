// What is known of a step's memory before it is computed, against what a backend then has taken.
#include "nn/step_memory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "nn/lanes/lanes_backend.hpp"
#include "nn/lanes/memory.hpp"
#include "nn/resnet18.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

struct StepCase {
  std::string name;
  ConvolutionChoice convolution = ConvolutionChoice::table;
  bool bf16 = false;
  int threads = 1;
  std::int64_t width = 8;
  std::int64_t batch = 16;
  std::vector<std::int64_t> evaluated;
};

class StepMemory : public ::testing::TestWithParam<StepCase> {};

// Two steps: the second takes buffers in another order.
TEST_P(StepMemory, IsWhatThePoolOfLanesHasTaken) {
  const StepCase& given = GetParam();
  const LanesOptions options{.convolution = given.convolution, .bf16 = given.bf16};
  lanes::LanesBackend backend(options);
  try {
    backend.enter(given.threads);
  } catch (const BackendError& refusal) {
    if (given.threads == 1) throw;
    GTEST_SKIP() << refusal.what();  // a build without OpenMP
  }
  ResNet18 network(backend, {.width = given.width});
  const auto images_of = [&](std::int64_t count) {
    Tensor images = backend.allocate({count, 3, 32, 32});
    backend.write(images, testing::uniform(count * 3 * 32 * 32, 2));
    return images;
  };
  const auto labels_of = [](std::int64_t count) {
    return testing::labels(static_cast<std::size_t>(count), 3);
  };
  for (int step = 0; step < 2; ++step) {
    network.train(images_of(given.batch), labels_of(given.batch));
  }
  for (const std::int64_t count : given.evaluated) {
    network.evaluate(images_of(count), labels_of(count), BatchNormMode::running);
  }
  EXPECT_EQ(step_memory(lanes::kernel_memory(options, given.threads), given.width, given.batch,
                        given.evaluated),
            backend.pool().resident());
}

INSTANTIATE_TEST_SUITE_P(
    OfLanes, StepMemory,
    ::testing::Values(
        StepCase{.name = "Winograd", .evaluated = {}},
        StepCase{.name = "Direct", .convolution = ConvolutionChoice::direct, .evaluated = {}},
        StepCase{.name = "Bf16ByWinograd",
                 .convolution = ConvolutionChoice::winograd,
                 .bf16 = true,
                 .evaluated = {20}},
        StepCase{.name = "ThreeThreads", .threads = 3, .evaluated = {20}},
        StepCase{.name = "APartOfABlock", .width = 3, .batch = 5, .evaluated = {}},
        StepCase{.name = "Evaluations", .width = 4, .batch = 40, .evaluated = {64, 17}},
        StepCase{.name = "Width32", .width = 32, .batch = 16, .evaluated = {32}}),
    [](const auto& of) { return of.param.name; });

// The tile unit's order keeps packed arguments outside of the pool. They are reckoned to be what
// float32's direct convolutions take.
TEST(StepMemoryOfBf16InTiles, IsThatOfDirectConvolutionsToATenth) {
  const LanesOptions options{.bf16 = true};
  lanes::LanesBackend backend(options);
  backend.enter(1);
  ResNet18 network(backend, {.width = 16});
  for (int step = 0; step < 2; ++step) {
    network.train(backend.allocate({16, 3, 32, 32}), testing::labels(16, 3));
  }
  const auto reckoned = [](const LanesOptions& of) {
    return step_memory(lanes::kernel_memory(of, 1), 16, 16, {});
  };
  const auto taken = static_cast<double>(backend.pool().resident());
  EXPECT_EQ(reckoned(options), reckoned({.convolution = ConvolutionChoice::direct}));
  EXPECT_GE(static_cast<double>(reckoned(options)), taken);
  EXPECT_LE(static_cast<double>(reckoned(options)), 1.1 * taken);
}

// A backend without a pool has of each moment what lives then.
TEST(StepMemoryOfVectors, IsNoMoreThanOfAPoolAndGrowsWithTheBatch) {
  const KernelMemory vectors{
      .scratch = [](Pass, const ConvolutionProblem&) { return std::vector<std::int64_t>{}; }};
  KernelMemory pooled = vectors;
  pooled.pooled = true;
  // Parameters and gradients of width 8 are 1.4 MB, and no less than the results of the first
  // stage's five convolutions and batch norms, 8 channels each, is kept of an image.
  constexpr std::size_t kOfAnImage = std::size_t{2} * 5 * 8 * 32 * 32 * 4;
  const std::size_t of_16 = step_memory(vectors, 8, 16, {});
  const std::size_t of_64 = step_memory(vectors, 8, 64, {});
  EXPECT_GT(of_16, std::size_t{2} * 176'402 * 4 + 16 * kOfAnImage);
  EXPECT_GT(of_64, of_16 + 48 * kOfAnImage);
  EXPECT_LE(of_64, step_memory(pooled, 8, 64, {}));

  // Gradients that stand where arguments did need no room of their own.
  KernelMemory in_place = vectors;
  in_place.in_place = true;
  EXPECT_LT(step_memory(in_place, 8, 64, {}), of_64);

  KernelMemory keeps = vectors;
  keeps.kept = [](std::int64_t parameters) { return 3 * parameters; };
  EXPECT_EQ(step_memory(keeps, 8, 16, {}), of_16 + std::size_t{3} * 176'402 * 4);
}

}  // namespace
}  // namespace mvsgd::nn
