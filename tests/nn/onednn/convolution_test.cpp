// The algorithm of each convolution, and how far Winograd's is from the exact result.
#include "nn/onednn/convolution.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/reference/reference_backend.hpp"
#include "nn/resnet18.hpp"
#include "tests/nn/values.hpp"
#include "tests/nn/winograd_bound.hpp"

namespace mvsgd::nn {
namespace {

using testing::all_near;
using testing::growth_of_results;
using testing::growth_of_weight_gradients;
using testing::make;
using testing::read;
using testing::uniform;
using testing::winograd_bound;
using testing::winograd_tiles;

constexpr double kEpsilon = 0x1p-24;
constexpr Conv2dOptions kSame{.stride = 1, .padding = 1};

ConvolutionProblem problem(std::int64_t batch, std::int64_t channels, std::int64_t side) {
  return {{batch, channels, side, side}, {channels, channels, 3, 3}, kSame};
}

bool is_direct(const PassAlgorithms& chosen) {
  return chosen.forward == Algorithm::direct && chosen.backward_data == Algorithm::direct &&
         chosen.backward_weights == Algorithm::direct;
}
bool is_winograd(const PassAlgorithms& chosen) {
  return chosen.forward == Algorithm::winograd && chosen.backward_data == Algorithm::winograd &&
         chosen.backward_weights == Algorithm::winograd;
}

TEST(ConvolutionChoice, OfDirectIsDirect) {
  EXPECT_TRUE(is_direct(choose(ConvolutionChoice::direct, problem(64, 64, 32))));
}

TEST(ConvolutionChoice, OfWinogradIsWinogradWhereThatCanBe) {
  if (!onednn_has_winograd()) GTEST_SKIP() << "no Winograd convolutions on this processor";
  const auto chosen = [](const ConvolutionProblem& tested) {
    return choose(ConvolutionChoice::winograd, tested);
  };
  EXPECT_TRUE(is_winograd(chosen(problem(1, 16, 4))));
  EXPECT_TRUE(is_winograd(chosen(problem(3, 48, 7))));
  EXPECT_TRUE(is_direct(chosen(problem(1, 8, 4)))) << "channels";
  EXPECT_TRUE(is_direct(chosen({{1, 3, 32, 32}, {16, 3, 3, 3}, kSame}))) << "the images'";
  EXPECT_TRUE(is_direct(chosen({{1, 16, 8, 8}, {16, 16, 3, 3}, {.stride = 2, .padding = 1}})));
  EXPECT_TRUE(is_direct(chosen({{1, 16, 8, 8}, {16, 16, 3, 3}, {.stride = 1, .padding = 0}})));
  EXPECT_TRUE(is_direct(chosen({{1, 16, 8, 8}, {16, 16, 1, 1}, {.stride = 1, .padding = 0}})));
}

TEST(ConvolutionChoice, OfTheTableIsWinogradForTheLargestLayersAtTheBenchmarksBatch) {
  if (!onednn_has_winograd()) GTEST_SKIP() << "no Winograd convolutions on this processor";
  const auto chosen = [](const ConvolutionProblem& tested) {
    return choose(ConvolutionChoice::table, tested);
  };
  EXPECT_TRUE(is_winograd(chosen(problem(64, 64, 32))));
  EXPECT_TRUE(is_winograd(chosen(problem(64, 128, 16))));
  EXPECT_TRUE(is_direct(chosen(problem(1, 64, 32)))) << "too few tiles to be worth it";
  EXPECT_TRUE(is_direct(chosen(problem(64, 64, 31)))) << "not measured";
}

TEST(ConvolutionChoice, RowsAreTheMakersOrThoseOfTheNearestInstructionSet) {
  for (const bool amx : {false, true}) {
    EXPECT_EQ(nearest_measured(Maker::amd, amx), Measured::zen5);
    EXPECT_EQ(nearest_measured(Maker::intel, amx), Measured::emerald_rapids);
  }
  EXPECT_EQ(nearest_measured(Maker::other, false), Measured::zen5);
  EXPECT_EQ(nearest_measured(Maker::other, true), Measured::emerald_rapids);
}

TEST(ConvolutionChoice, OfEveryRowIsWinogradFromBatch16OnFrom32ChannelsUp) {
  for (const Measured where : {Measured::zen5, Measured::emerald_rapids}) {
    for (const auto& [channels, side] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{32, 8},
                                                            {32, 16},
                                                            {32, 32},
                                                            {64, 4},
                                                            {64, 8},
                                                            {64, 16},
                                                            {64, 32},
                                                            {128, 4},
                                                            {128, 8},
                                                            {128, 16},
                                                            {256, 4},
                                                            {256, 8},
                                                            {512, 4}}) {
      EXPECT_TRUE(is_winograd(measured_choice(where, problem(16, channels, side)))) << channels;
      EXPECT_TRUE(is_direct(measured_choice(where, problem(15, channels, side)))) << channels;
    }
  }
  EXPECT_TRUE(is_direct(measured_choice(Measured::zen5, {{64, 64, 32, 32}, {64, 64, 1, 1}, {}})));
  EXPECT_TRUE(
      is_direct(measured_choice(Measured::zen5, {{64, 64, 32, 32}, {128, 64, 3, 3}, {1, 1}})));
}

TEST(ConvolutionChoice, OfRowsWith16ChannelsIsTheMeasuredOneOfEachPass) {
  for (const std::int64_t side : {16, 32}) {
    EXPECT_TRUE(is_winograd(measured_choice(Measured::zen5, problem(16, 16, side))));
    for (const std::int64_t batch : {16, 64, 255, 256}) {
      const PassAlgorithms chosen =
          measured_choice(Measured::emerald_rapids, problem(batch, 16, side));
      EXPECT_EQ(chosen.forward, Algorithm::direct);
      EXPECT_EQ(chosen.backward_data == Algorithm::winograd, side == 32 && batch == 256);
      EXPECT_EQ(chosen.backward_weights, Algorithm::winograd);
    }
  }
}

struct WinogradCase {
  std::int64_t batch;
  std::int64_t channels;
  std::int64_t side;
  ConvolutionChoice choice = ConvolutionChoice::winograd;
};

std::unique_ptr<Backend> winograd_backend(int threads) {
  std::unique_ptr<Backend> made = make_onednn_backend({.convolution = ConvolutionChoice::winograd});
  made->enter(threads);
  return made;
}

// y, dx and dw of one convolution, each between different numbers of channels.
std::vector<std::vector<float>> all_passes(Backend& backend, const Shape& x_shape,
                                           std::int64_t outputs) {
  const Shape w_shape{outputs, x_shape[1], 3, 3};
  const Shape y_shape{x_shape[0], outputs, x_shape[2], x_shape[3]};
  const Tensor x = make(backend, x_shape, uniform(elements(x_shape), 1));
  const Tensor w = make(backend, w_shape, uniform(elements(w_shape), 2));
  const Tensor dy = make(backend, y_shape, uniform(elements(y_shape), 3));
  const Tensor dw = backend.allocate(w_shape);
  backend.conv2d_backward_weights(x, dy, dw, Into::overwrite, kSame);
  return {read(backend, backend.conv2d(x, w, kSame)),
          read(backend, backend.conv2d_backward_data(dy, w, x_shape, kSame)), read(backend, dw)};
}

// Planes that are wider than high and no multiple of the tile, an odd number of blocks on either
// side, tiles for one chunk and for several, and a last chunk of an odd size.
TEST(Winograd, TakesAnyPlaneAndAnyBlocksOfChannels) {
  if (!onednn_has_winograd()) GTEST_SKIP() << "no Winograd convolutions on this processor";
  ReferenceBackend<double> exact;
  const auto expect_near = [&](const Shape& x_shape, std::int64_t outputs) {
    SCOPED_TRACE(to_string(x_shape) + " to " + std::to_string(outputs));
    const auto got = all_passes(*winograd_backend(1), x_shape, outputs);
    const auto want = all_passes(exact, x_shape, outputs);
    const double growth = growth_of_results();
    EXPECT_TRUE(all_near(got[0], want[0], winograd_bound(x_shape[1], growth)));
    EXPECT_TRUE(all_near(got[1], want[1], winograd_bound(outputs, growth)));
    EXPECT_TRUE(all_near(got[2], want[2],
                         winograd_bound(winograd_tiles(x_shape), growth_of_weight_gradients())));
  };
  expect_near({1, 16, 1, 1}, 16);
  expect_near({3, 32, 5, 9}, 48);
  expect_near({5, 48, 13, 18}, 16);
  expect_near({2, 80, 3, 4}, 32);
  expect_near({18, 176, 7, 8}, 176);  // more weights than are kept from chunk to chunk
}

TEST(Winograd, GivesTheSameBitsWithAnyCountOfThreads) {
  if (!onednn_has_winograd()) GTEST_SKIP() << "no Winograd convolutions on this processor";
  for (const Shape& x_shape : {Shape{3, 32, 5, 9}, Shape{5, 48, 13, 18}}) {
    const auto one = all_passes(*winograd_backend(1), x_shape, 80);
    EXPECT_EQ(all_passes(*winograd_backend(3), x_shape, 80), one);
    EXPECT_EQ(all_passes(*winograd_backend(64), x_shape, 80), one);
  }
}

class WinogradProblem : public ::testing::TestWithParam<WinogradCase> {};

// All of ResNet-18's planes, and planes that are no multiple of the tile.
INSTANTIATE_TEST_SUITE_P(Problems, WinogradProblem,
                         ::testing::Values(WinogradCase{2, 16, 32}, WinogradCase{2, 32, 16},
                                           WinogradCase{3, 64, 8}, WinogradCase{4, 128, 4},
                                           WinogradCase{1, 16, 6}, WinogradCase{2, 48, 7},
                                           WinogradCase{64, 64, 32, ConvolutionChoice::table}),
                         [](const auto& tested) {
                           return "n" + std::to_string(tested.param.batch) + "c" +
                                  std::to_string(tested.param.channels) + "h" +
                                  std::to_string(tested.param.side);
                         });

TEST_P(WinogradProblem, IsWithinItsBoundOfTheExactConvolution) {
  if (!onednn_has_winograd()) GTEST_SKIP() << "no Winograd convolutions on this processor";
  const auto [batch, channels, side, choice] = GetParam();
  ASSERT_TRUE(is_winograd(choose(choice, problem(batch, channels, side))));
  const std::unique_ptr<Backend> onednn = make_onednn_backend({.convolution = choice});
  onednn->enter(1);
  const std::unique_ptr<Backend> direct =
      make_onednn_backend({.convolution = ConvolutionChoice::direct});
  direct->enter(1);
  ReferenceBackend<double> exact;
  // The double reference is slow, so the largest problem is compared only in its first images.
  // Their results do not depend on the others.
  const std::int64_t compared = std::min<std::int64_t>(batch, 4);
  const Shape shape{batch, channels, side, side};
  const Shape part{compared, channels, side, side};
  const Shape taps{channels, channels, 3, 3};
  const std::vector<float> x = uniform(elements(shape), 1);
  const std::vector<float> w = uniform(elements(taps), 2);
  const std::vector<float> dy = uniform(elements(shape), 3);
  const auto first = [&](std::vector<float> values) {
    values.resize(static_cast<std::size_t>(elements(part)));
    return values;
  };

  const double bound = winograd_bound(channels, growth_of_results());
  const auto results = [&](Backend& backend, const Shape& of, const std::vector<float>& values) {
    return read(backend, backend.conv2d(make(backend, of, values), make(backend, taps, w), kSame));
  };
  const auto data = [&](Backend& backend, const Shape& of, const std::vector<float>& values) {
    return read(backend, backend.conv2d_backward_data(make(backend, of, values),
                                                      make(backend, taps, w), of, kSame));
  };
  EXPECT_TRUE(all_near(first(results(*onednn, shape, x)), results(exact, part, first(x)), bound));
  EXPECT_TRUE(all_near(first(data(*onednn, shape, dy)), data(exact, part, first(dy)), bound));

  // Weight gradients sum over the images. If those are many, oneDNN's direct convolution takes the
  // place of the exact one, with its own bound: images * side^2 terms below 1.
  const auto weights = [&](Backend& backend) {
    const Tensor dw = backend.allocate(taps);
    backend.conv2d_backward_weights(make(backend, shape, x), make(backend, shape, dy), dw,
                                    Into::overwrite, kSame);
    return read(backend, dw);
  };
  const double terms = static_cast<double>(batch * side * side);
  const double weights_bound = winograd_bound(winograd_tiles(shape), growth_of_weight_gradients());
  if (compared == batch) {
    EXPECT_TRUE(all_near(weights(*onednn), weights(exact), weights_bound));
  } else {
    EXPECT_TRUE(
        all_near(weights(*onednn), weights(*direct), weights_bound + terms * terms * kEpsilon));
  }

  // The bound above is that of the worst case. Averaged over the values, Winograd is at most 16
  // times as far off as the direct algorithm. A table that names one where the other runs would
  // show.
  const std::vector<float> want = results(exact, part, first(x));
  const auto deviation = [&](const std::vector<float>& got) {
    double squares = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      squares += std::pow(static_cast<double>(got[i]) - static_cast<double>(want[i]), 2);
    }
    return std::sqrt(squares / static_cast<double>(got.size()));
  };
  const double winograds = deviation(first(results(*onednn, shape, x)));
  const double directs = deviation(first(results(*direct, shape, x)));
  EXPECT_GT(winograds, 0);
  EXPECT_LE(winograds, 16 * directs);
  RecordProperty("winograd_to_direct", std::to_string(winograds / directs));
}

// If the table is asked for another batch or shape, results are the direct ones to the bit.
TEST(ConvolutionChoice, WhatTheTableDoesNotNameIsComputedDirectly) {
  const auto result = [](ConvolutionChoice choice) {
    const std::unique_ptr<Backend> backend = make_onednn_backend({.convolution = choice});
    backend->enter(1);
    const Shape shape{2, 64, 32, 32};
    return read(*backend,
                backend->conv2d(make(*backend, shape, uniform(elements(shape), 1)),
                                make(*backend, {64, 64, 3, 3}, uniform(64 * 64 * 9, 2)), kSame));
  };
  EXPECT_EQ(result(ConvolutionChoice::table), result(ConvolutionChoice::direct));
}

class BFloat16 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!onednn_has_bf16()) GTEST_SKIP() << "no bfloat16 convolutions on this processor";
    backend_ = make_onednn_backend({.bf16 = true});
    backend_->enter(1);
  }

  std::unique_ptr<Backend> backend_;
};

// Values of a few bits are exact in bfloat16, so products and sums are exact. Results, and what
// batch norm makes of them, are float32.
TEST_F(BFloat16, IsExactOnSmallIntegers) {
  ReferenceBackend<double> exact;
  for (const std::int64_t channels : {3, 16, 32}) {
    const Shape shape{2, channels, 8, 8};
    const Shape taps{32, channels, 3, 3};
    const Shape out{2, 32, 8, 8};
    const auto passes = [&](Backend& backend) {
      const Tensor x = make(backend, shape, testing::small_integers(elements(shape), 1));
      const Tensor w = make(backend, taps, testing::small_integers(elements(taps), 2));
      const Tensor dy = make(backend, out, testing::small_integers(elements(out), 3));
      const Tensor dw = backend.allocate(taps);
      for (const Into into : {Into::overwrite, Into::add}) {
        backend.conv2d_backward_weights(x, dy, dw, into, kSame);
      }
      return std::vector{read(backend, backend.conv2d(x, w, kSame)),
                         read(backend, backend.conv2d_backward_data(dy, w, shape, kSame)),
                         read(backend, dw)};
    };
    EXPECT_EQ(passes(*backend_), passes(exact));
  }
}

// Arguments are rounded to eight bits, each at most 2^-9 off, and sums are float32.
TEST_F(BFloat16, RoundsArgumentsAloneAndSumsInSingle) {
  ReferenceBackend<double> exact;
  const Shape shape{2, 64, 8, 8};
  const Shape taps{64, 64, 3, 3};
  const auto result = [&](Backend& backend) {
    return read(backend, backend.conv2d(make(backend, shape, uniform(elements(shape), 1)),
                                        make(backend, taps, uniform(elements(taps), 2)), kSame));
  };
  const double terms = 64 * 9;
  EXPECT_TRUE(all_near(result(*backend_), result(exact),
                       terms * (2 * 0x1p-9 + 0x1p-18) + terms * terms * kEpsilon));
  EXPECT_FALSE(all_near(result(*backend_), result(exact), terms * terms * kEpsilon * 0.01))
      << "nothing was rounded";
}

}  // namespace
}  // namespace mvsgd::nn
