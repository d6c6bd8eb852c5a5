// Which convolutions run by Winograd's algorithm, how far these are from the exact result, and that
// the others are exact on small integers.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/lanes/make_lanes.hpp"
#include "nn/reference/reference_backend.hpp"
#include "nn/shape_checks.hpp"
#include "tests/nn/values.hpp"
#include "tests/nn/winograd_bound.hpp"

namespace mvsgd::nn {
namespace {

using testing::all_near;
using testing::growth_of_results;
using testing::growth_of_weight_gradients;
using testing::make;
using testing::read;
using testing::winograd_bound;
using testing::winograd_tiles;
using Values = std::vector<float>;

constexpr Conv2dOptions kSame{.stride = 1, .padding = 1};

std::unique_ptr<Backend> lanes_backend(ConvolutionChoice choice) {
  std::unique_ptr<Backend> made = make_lanes_backend({.convolution = choice});
  made->enter(1);
  return made;
}

// y, dx and dw of one convolution.
struct Passes {
  Values y, dx, dw;

  friend bool operator==(const Passes&, const Passes&) = default;
};

// With values that `draw` makes from a count and a seed.
template <typename Draw>
Passes passes(Backend& backend, const ConvolutionProblem& problem, Draw draw) {
  const Tensor x = make(backend, problem.x, draw(elements(problem.x), 1));
  const Tensor w = make(backend, problem.w, draw(elements(problem.w), 2));
  const Tensor dy = make(backend, problem.y, draw(elements(problem.y), 3));
  const Tensor dw = make(backend, problem.w, draw(elements(problem.w), 4));
  backend.conv2d_backward_weights(x, dy, dw, Into::overwrite, problem.options);
  return {.y = read(backend, backend.conv2d(x, w, problem.options)),
          .dx = read(backend, backend.conv2d_backward_data(dy, w, problem.x, problem.options)),
          .dw = read(backend, dw)};
}

ConvolutionProblem same(std::int64_t images, std::int64_t channels, std::int64_t height,
                        std::int64_t width, std::int64_t outputs) {
  return {{images, channels, height, width}, {outputs, channels, 3, 3}, kSame};
}

// Winograd's results are rounded differently from direct ones.
void expect_winograd(ConvolutionChoice choice, const ConvolutionProblem& problem) {
  SCOPED_TRACE(problem.text());
  const Passes got = passes(*lanes_backend(choice), problem, testing::uniform);
  const Passes direct =
      passes(*lanes_backend(ConvolutionChoice::direct), problem, testing::uniform);
  EXPECT_NE(got.y, direct.y);
  EXPECT_NE(got.dx, direct.dx);
  EXPECT_NE(got.dw, direct.dw);
}
void expect_direct(ConvolutionChoice choice, const ConvolutionProblem& problem) {
  SCOPED_TRACE(problem.text());
  EXPECT_EQ(passes(*lanes_backend(choice), problem, testing::uniform),
            passes(*lanes_backend(ConvolutionChoice::direct), problem, testing::uniform));
}

TEST(LanesConvolution, IsWinogradsWhereverItIs3x3WithStrideAndPadding1) {
  for (const ConvolutionChoice choice : {ConvolutionChoice::table, ConvolutionChoice::winograd}) {
    expect_winograd(choice, same(1, 1, 5, 3, 1));
    expect_winograd(choice, same(2, 3, 8, 8, 16));
    expect_winograd(choice, same(17, 16, 4, 4, 16));
  }
}

TEST(LanesConvolution, IsDirectEverywhereElse) {
  for (const ConvolutionChoice choice : {ConvolutionChoice::table, ConvolutionChoice::winograd}) {
    expect_direct(choice, {{2, 3, 8, 8}, {4, 3, 3, 3}, {.stride = 2, .padding = 1}});
    expect_direct(choice, {{2, 3, 8, 8}, {4, 3, 3, 3}, {.stride = 1, .padding = 0}});
    expect_direct(choice, {{2, 3, 8, 8}, {4, 3, 3, 3}, {.stride = 1, .padding = 2}});
    expect_direct(choice, {{2, 3, 8, 8}, {4, 3, 1, 1}, {.stride = 1, .padding = 1}});
    expect_direct(choice, {{2, 3, 8, 8}, {4, 3, 3, 2}, {.stride = 1, .padding = 1}});
    expect_direct(choice, {{2, 3, 8, 8}, {4, 3, 5, 5}, {.stride = 1, .padding = 1}});
  }
}

class LanesWinograd : public ::testing::TestWithParam<ConvolutionProblem> {};

// Planes that are no multiple of the tile, smaller than one, wider than high and higher than wide.
// Channels that fill a vector, do not, and fill several. Batches that fill their blocks and do not.
// Tiles for one chunk and for several, the last of any size.
INSTANTIATE_TEST_SUITE_P(
    Problems, LanesWinograd,
    ::testing::Values(same(1, 1, 1, 1, 1), same(16, 40, 1, 1, 12), same(35, 3, 1, 1, 5),
                      same(1, 1, 3, 5, 3), same(15, 5, 3, 5, 1), same(17, 20, 3, 5, 40),
                      same(1, 3, 32, 32, 8), same(16, 8, 7, 7, 12), same(17, 12, 5, 9, 16),
                      same(35, 16, 6, 4, 20), same(15, 40, 4, 4, 3), same(1, 20, 13, 18, 8),
                      same(16, 16, 8, 8, 16), same(35, 1, 9, 2, 16), same(2, 80, 5, 9, 104)),
    [](const auto& tested) { return tested.param.text(); });

TEST_P(LanesWinograd, IsWithinItsBoundOfTheExactConvolution) {
  const ConvolutionProblem& problem = GetParam();
  ReferenceBackend<double> exact;
  const Passes got = passes(*lanes_backend(ConvolutionChoice::winograd), problem, testing::uniform);
  const Passes want = passes(exact, problem, testing::uniform);
  const double growth = growth_of_results();
  EXPECT_TRUE(all_near(got.y, want.y, winograd_bound(problem.x[1], growth)));
  EXPECT_TRUE(all_near(got.dx, want.dx, winograd_bound(problem.y[1], growth)));
  EXPECT_TRUE(all_near(got.dw, want.dw,
                       winograd_bound(winograd_tiles(problem.x), growth_of_weight_gradients())));
}

// The bound above is that of the worst case.
TEST(LanesConvolution, OfWinogradIsInTheMeanAtMost16TimesAsFarOffAsADirectOne) {
  const auto deviation = [](const Values& got, const Values& want) {
    double squares = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      squares += std::pow(static_cast<double>(got[i]) - static_cast<double>(want[i]), 2);
    }
    return std::sqrt(squares / static_cast<double>(got.size()));
  };
  ReferenceBackend<double> exact;
  const auto expect_ratio = [](double winograds, double directs) {
    EXPECT_GT(winograds, 0);
    EXPECT_LE(winograds, 16 * directs) << winograds / directs;
  };
  for (const ConvolutionProblem& problem :
       {same(2, 8, 32, 32, 8), same(16, 16, 16, 16, 16), same(5, 40, 7, 6, 20)}) {
    SCOPED_TRACE(problem.text());
    const Passes want = passes(exact, problem, testing::uniform);
    const Passes winograds =
        passes(*lanes_backend(ConvolutionChoice::winograd), problem, testing::uniform);
    const Passes directs =
        passes(*lanes_backend(ConvolutionChoice::direct), problem, testing::uniform);
    expect_ratio(deviation(winograds.y, want.y), deviation(directs.y, want.y));
    expect_ratio(deviation(winograds.dx, want.dx), deviation(directs.dx, want.dx));
    expect_ratio(deviation(winograds.dw, want.dw), deviation(directs.dw, want.dw));
  }
}

TEST(LanesConvolution, AddsAWholeWeightGradientToWhatIsThere) {
  for (const ConvolutionChoice choice : {ConvolutionChoice::direct, ConvolutionChoice::winograd}) {
    const ConvolutionProblem problem = same(17, 5, 6, 7, 9);
    const std::unique_ptr<Backend> lanes = lanes_backend(choice);
    const Values before = testing::uniform(elements(problem.w), 4);
    Values want = passes(*lanes, problem, testing::uniform).dw;
    for (std::size_t i = 0; i < want.size(); ++i) want[i] += before[i];
    const Tensor dw = make(*lanes, problem.w, before);
    lanes->conv2d_backward_weights(
        make(*lanes, problem.x, testing::uniform(elements(problem.x), 1)),
        make(*lanes, problem.y, testing::uniform(elements(problem.y), 3)), dw, Into::add, kSame);
    EXPECT_EQ(read(*lanes, dw), want);
  }
}

// A batch, and channels in and out. Every stride and kernel is tried with them.
struct DirectCase {
  std::int64_t images;
  std::int64_t channels;
  std::int64_t outputs;
};

class LanesDirect : public ::testing::TestWithParam<DirectCase> {};

// Channels in several vectors, in one, and in a part of one.
INSTANTIATE_TEST_SUITE_P(Batches, LanesDirect,
                         ::testing::Values(DirectCase{1, 3, 8}, DirectCase{1, 40, 13},
                                           DirectCase{16, 1, 5}, DirectCase{16, 24, 1},
                                           DirectCase{19, 5, 12}, DirectCase{19, 72, 3}),
                         [](const auto& tested) {
                           return "n" + std::to_string(tested.param.images) + "c" +
                                  std::to_string(tested.param.channels) + "o" +
                                  std::to_string(tested.param.outputs);
                         });

TEST_P(LanesDirect, IsExactOnSmallIntegers) {
  const auto [images, channels, outputs] = GetParam();
  ReferenceBackend<float> exact;
  const std::unique_ptr<Backend> lanes = lanes_backend(ConvolutionChoice::direct);
  const std::pair<std::int64_t, std::int64_t> kernels[] = {{1, 1}, {2, 3}, {3, 3}, {5, 5}};
  for (const auto& [height, width] : kernels) {
    for (std::int64_t stride = 1; stride <= 3; ++stride) {
      for (const std::int64_t padding : {std::int64_t{0}, height / 2}) {
        const ConvolutionProblem problem({images, channels, 7, 6},
                                         {outputs, channels, height, width},
                                         {.stride = stride, .padding = padding});
        SCOPED_TRACE(problem.text());
        EXPECT_EQ(passes(*lanes, problem, testing::small_integers),
                  passes(exact, problem, testing::small_integers));
      }
    }
  }
}

// A kernel that reaches beyond the plane on both sides, and a stride beyond both.
TEST(LanesConvolution, OfAPlaneSmallerThanItsKernelIsExactOnSmallIntegers) {
  ReferenceBackend<float> exact;
  const std::unique_ptr<Backend> lanes = lanes_backend(ConvolutionChoice::direct);
  for (const std::int64_t stride : {1, 2, 9}) {
    for (const std::int64_t padding : {2, 4}) {
      const ConvolutionProblem problem({3, 2, 1, 2}, {5, 2, 5, 3},
                                       {.stride = stride, .padding = padding});
      SCOPED_TRACE(problem.text());
      EXPECT_EQ(passes(*lanes, problem, testing::small_integers),
                passes(exact, problem, testing::small_integers));
    }
  }
}

}  // namespace
}  // namespace mvsgd::nn
