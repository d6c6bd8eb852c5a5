// precision = bf16 by float32's loops: convolutions of arguments that are rounded to bfloat16, and
// a batch norm that rounds what it gives to them.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "nn/lanes/loops.hpp"
#include "nn/lanes/make_lanes.hpp"
#include "nn/reference/reference_backend.hpp"
#include "nn/shape_checks.hpp"
#include "tests/nn/lanes/lanes_tensors.hpp"
#include "tests/nn/values.hpp"
#include "tests/nn/winograd_bound.hpp"

namespace mvsgd::nn {
namespace {

using lanes::Isa;
using lanes::testing::rounded_to_bf16;
using lanes::testing::winograd_backend;
using testing::all_near;
using testing::make;
using testing::read;
using testing::uniform;
using Values = std::vector<float>;

constexpr Conv2dOptions kSame{.stride = 1, .padding = 1};

Values rounded(Values values) {
  std::ranges::transform(values, values.begin(), rounded_to_bf16);
  return values;
}

// Two NaNs are the same.
std::vector<std::uint32_t> bits(const Values& values) {
  std::vector<std::uint32_t> result;
  for (const float value : values) {
    result.push_back(std::isnan(value) ? 0x7FC00000U : std::bit_cast<std::uint32_t>(value));
  }
  return result;
}

// The arguments of a convolution's three passes, and their results.
struct Arguments {
  Values x, w, dy;
};
struct Passes {
  Values y, dx, dw;
};

Arguments arguments_of(const ConvolutionProblem& problem) {
  return {.x = uniform(elements(problem.x), 1),
          .w = uniform(elements(problem.w), 2),
          .dy = uniform(elements(problem.y), 3)};
}
Arguments rounded(const Arguments& arguments) {
  return {.x = rounded(arguments.x), .w = rounded(arguments.w), .dy = rounded(arguments.dy)};
}

Passes passes(Backend& backend, const ConvolutionProblem& problem, const Arguments& arguments) {
  const Tensor x = make(backend, problem.x, arguments.x);
  const Tensor w = make(backend, problem.w, arguments.w);
  const Tensor dy = make(backend, problem.y, arguments.dy);
  const Tensor dw = make(backend, problem.w, uniform(elements(problem.w), 4));
  backend.conv2d_backward_weights(x, dy, dw, Into::overwrite, problem.options);
  return {.y = read(backend, backend.conv2d(x, w, problem.options)),
          .dx = read(backend, backend.conv2d_backward_data(dy, w, problem.x, problem.options)),
          .dw = read(backend, dw)};
}

void expect_the_bits_of_float32(const ConvolutionProblem& problem, const Arguments& arguments) {
  SCOPED_TRACE(problem.text());
  const Passes got = passes(*winograd_backend(true), problem, arguments);
  const Passes want = passes(*winograd_backend(false), problem, rounded(arguments));
  EXPECT_EQ(bits(got.y), bits(want.y));
  EXPECT_EQ(bits(got.dx), bits(want.dx));
  EXPECT_EQ(bits(got.dw), bits(want.dw));
}

// Batches that fill their blocks and do not; Winograd's and direct ones; those of few channels.
const std::vector<ConvolutionProblem>& problems() {
  static const std::vector<ConvolutionProblem> problems{
      {{5, 3, 9, 6}, {8, 3, 3, 3}, kSame},
      {{16, 8, 4, 4}, {13, 8, 3, 3}, kSame},
      {{19, 20, 7, 5}, {12, 20, 3, 3}, kSame},
      {{5, 8, 7, 6}, {16, 8, 3, 3}, {.stride = 2, .padding = 1}},
      {{19, 20, 4, 4}, {40, 20, 1, 1}, {.stride = 2, .padding = 0}},
      {{3, 1, 6, 5}, {9, 1, 2, 3}, {.stride = 1, .padding = 1}}};
  return problems;
}

TEST(RoundedConvolutions, HaveTheBitsOfFloat32sOfRoundedArguments) {
  for (const ConvolutionProblem& problem : problems()) {
    expect_the_bits_of_float32(problem, arguments_of(problem));
  }
}

// Ties to even both ways, subnormals, the largest numbers, what is beyond them, and no numbers.
TEST(RoundedConvolutions, RoundHostileArgumentsAsNearestBf16Does) {
  const std::vector<std::uint32_t> hostile{
      0x3F808000U, 0x3F818000U, 0xBF808001U, 0x3F807FFFU, 0x00000001U, 0x807FFFFFU, 0x00800000U,
      0x7F7FFFFFU, 0xFF7F7FFFU, 0x7F800000U, 0xFF800000U, 0x7F800001U, 0xFFFFFFFFU, 0x80000000U};
  for (const ConvolutionProblem& problem : problems()) {
    for (const std::uint32_t value : hostile) {
      for (const auto part : {&Arguments::x, &Arguments::w, &Arguments::dy}) {
        Arguments arguments = arguments_of(problem);
        Values& values = arguments.*part;
        values[values.size() / 3] = std::bit_cast<float>(value);
        values.back() = std::bit_cast<float>(value);
        expect_the_bits_of_float32(problem, arguments);
      }
    }
  }
}

TEST(RoundedConvolutions, AreWithinWinogradsBoundOfTheExactOnesOfRoundedArguments) {
  const double growth = testing::growth_of_results();
  for (const ConvolutionProblem& problem : problems()) {
    if (problem.options != kSame || problem.w[2] != 3) continue;
    SCOPED_TRACE(problem.text());
    ReferenceBackend<double> exact;
    const Passes got = passes(*winograd_backend(true), problem, arguments_of(problem));
    const Passes want = passes(exact, problem, rounded(arguments_of(problem)));
    EXPECT_TRUE(all_near(got.y, want.y, testing::winograd_bound(problem.x[1], growth)));
    EXPECT_TRUE(all_near(got.dx, want.dx, testing::winograd_bound(problem.y[1], growth)));
    EXPECT_TRUE(all_near(got.dw, want.dw,
                         testing::winograd_bound(testing::winograd_tiles(problem.x),
                                                 testing::growth_of_weight_gradients())));
  }
}

// Integers to 511 need nine bits, so many of them are rounded; sums of their products fit float32.
TEST(RoundedConvolutions, ThatAreDirectAreExactOnIntegers) {
  const ConvolutionProblem problem({5, 4, 7, 6}, {16, 4, 3, 3}, {.stride = 2, .padding = 1});
  Arguments arguments = arguments_of(problem);
  for (Values* const values : {&arguments.x, &arguments.w, &arguments.dy}) {
    for (float& value : *values) value = std::round(value * 511);
  }
  for (float& value : arguments.dy) value = std::round(value / 40);
  ASSERT_NE(arguments.x, rounded(arguments.x));
  ReferenceBackend<double> exact;
  const Passes got = passes(*winograd_backend(true), problem, arguments);
  const Passes want = passes(exact, problem, rounded(arguments));
  EXPECT_EQ(got.y, want.y);
  EXPECT_EQ(got.dx, want.dx);
  EXPECT_EQ(got.dw, want.dw);
}

TEST(RoundedConvolutions, AreOtherThanThoseInTheTileUnitsOrder) {
  const ConvolutionProblem& problem = problems()[2];
  const auto y = [&](ConvolutionChoice choice) {
    const std::unique_ptr<Backend> made = make_lanes_backend({.convolution = choice, .bf16 = true});
    made->enter(1);
    return passes(*made, problem, arguments_of(problem)).y;
  };
  EXPECT_NE(y(ConvolutionChoice::winograd), y(ConvolutionChoice::direct));
  EXPECT_EQ(y(ConvolutionChoice::table), y(ConvolutionChoice::direct));
}

// Every upper half with lower halves about a tie; every count of numbers up to three vectors.
TEST(RoundingLoops, GiveTheNearestBf16WithEveryInstructionSet) {
  Values values;
  for (std::uint32_t upper = 0; upper < 0x10000U; ++upper) {
    for (const std::uint32_t lower : {0U, 1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
      values.push_back(std::bit_cast<float>(upper << 16U | lower));
    }
  }
  const auto exact_bits = [](const Values& of) {
    std::vector<std::uint32_t> result;
    for (const float value : of) result.push_back(std::bit_cast<std::uint32_t>(value));
    return result;
  };
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (!lanes::supports(isa)) continue;
    SCOPED_TRACE(name(isa));
    Values got(values.size());
    lanes::loops(isa).round_to_bf16(std::ssize(values), values.data(), got.data());
    EXPECT_TRUE(exact_bits(got) == exact_bits(rounded(values)));
    for (std::int64_t count = 0; count <= 48; ++count) {
      Values some = uniform(49, 1);
      Values want = some;
      for (std::int64_t i = 0; i < count; ++i) {
        want[static_cast<std::size_t>(i)] = rounded_to_bf16(want[static_cast<std::size_t>(i)]);
      }
      lanes::loops(isa).round_to_bf16(count, some.data(), some.data());
      EXPECT_EQ(some, want) << count;
    }
  }
}

// Batch norm's results, and what its gradients are.
struct Normed {
  Values y, evaluated, dx, dresidual, dgamma, dbeta, mean, variance;
};

Normed normed(Backend& b, const Shape& shape, bool relu, bool residual, bool more) {
  const auto activation = [&](std::uint64_t seed) {
    return make(b, shape, uniform(elements(shape), seed));
  };
  const auto channels = [&](std::uint64_t seed) {
    return make(b, {shape[1]}, uniform(shape[1], seed));
  };
  const BatchNormOptions options{.relu = relu};
  const Tensor none;
  const Tensor term = residual ? activation(3) : none;
  const RunningStatistics running{
      .mean = channels(2),
      .variance = make(b, {shape[1]}, Values(static_cast<std::size_t>(shape[1]), 0.7F))};
  Normed got;
  got.evaluated = read(
      b, b.batch_norm_evaluate(activation(4), channels(1), channels(5), running, term, options));
  const BatchNormForward forward =
      b.batch_norm_train(activation(4), channels(1), channels(5), running, term, options);
  const Tensor dgamma = channels(6);
  const Tensor dbeta = channels(7);
  const BatchNormGradients gradients =
      b.batch_norm_backward(activation(8), more ? activation(9) : none, activation(4), channels(1),
                            forward, dgamma, dbeta, options);
  got.y = read(b, forward.y);
  got.dx = read(b, gradients.dx);
  if (residual) got.dresidual = read(b, gradients.dresidual);
  got.dgamma = read(b, dgamma);
  got.dbeta = read(b, dbeta);
  got.mean = read(b, running.mean);
  got.variance = read(b, running.variance);
  return got;
}

TEST(RoundedBatchNorm, RoundsItsResultAndItsInputsGradientAndNothingElse) {
  for (const Shape& shape : {Shape{5, 3, 9, 9}, Shape{19, 13, 11, 6}}) {
    for (const bool relu : {false, true}) {
      for (const bool residual : {false, true}) {
        for (const bool more : {false, true}) {
          SCOPED_TRACE(to_string(shape) + " " + std::to_string(relu) + std::to_string(residual) +
                       std::to_string(more));
          const Normed got = normed(*winograd_backend(true), shape, relu, residual, more);
          const Normed want = normed(*winograd_backend(false), shape, relu, residual, more);
          EXPECT_EQ(bits(got.y), bits(rounded(want.y)));
          EXPECT_EQ(bits(got.evaluated), bits(rounded(want.evaluated)));
          EXPECT_EQ(bits(got.dx), bits(rounded(want.dx)));
          EXPECT_EQ(got.dresidual, want.dresidual);
          EXPECT_EQ(got.dgamma, want.dgamma);
          EXPECT_EQ(got.dbeta, want.dbeta);
          EXPECT_EQ(got.mean, want.mean);
          EXPECT_EQ(got.variance, want.variance);
        }
      }
    }
  }
}

// What batch norm has rounded is not rounded again, unless its values are others by then.
class WhatIsRounded : public ::testing::Test {
 protected:
  [[nodiscard]] Tensor activation(std::uint64_t seed) const {
    return make(*lanes_, shape_, uniform(elements(shape_), seed));
  }
  [[nodiscard]] Tensor channels(std::uint64_t seed) const {
    return make(*lanes_, {shape_[1]}, uniform(shape_[1], seed));
  }
  [[nodiscard]] BatchNormForward forward(const Tensor& residual) const {
    return lanes_->batch_norm_train(activation(4), channels(1), channels(5), {}, residual,
                                    {.relu = true});
  }
  void expect_rounded(const Tensor& x) const {
    const Values values = read(*lanes_, x);
    const Tensor w = make(*lanes_, {4, shape_[1], 3, 3}, uniform(4 * shape_[1] * 9, 6));
    EXPECT_NE(values, rounded(values)) << "there is nothing to round";
    EXPECT_EQ(read(*lanes_, lanes_->conv2d(x, w, kSame)),
              read(*lanes_, lanes_->conv2d(make(*lanes_, shape_, rounded(values)), w, kSame)));
    EXPECT_EQ(read(*lanes_, x), values) << "a convolution has changed its argument";
  }

  const Shape shape_{19, 5, 6, 7};
  const std::unique_ptr<Backend> lanes_ = winograd_backend(true);
};

TEST_F(WhatIsRounded, IsRoundedAnewOnceSomethingIsAdded) {
  const BatchNormForward made = forward({});
  lanes_->accumulate(made.y, activation(7));
  expect_rounded(made.y);
}

TEST_F(WhatIsRounded, IsRoundedAnewWhereAGradientTakesItsPlace) {
  Tensor dy = forward({}).y;
  const Tensor x = activation(4);
  const BatchNormGradients gradients =
      lanes_->batch_norm_backward(std::exchange(dy, {}), activation(7), x, channels(1),
                                  forward(activation(3)), channels(6), channels(7), {.relu = true});
  expect_rounded(gradients.dresidual);
}

TEST_F(WhatIsRounded, IsRoundedWhereAConvolutionMadeIt) {
  const Tensor w = make(*lanes_, {shape_[1], shape_[1], 1, 1}, uniform(shape_[1] * shape_[1], 2));
  expect_rounded(lanes_->conv2d(activation(1), w, {}));
}

}  // namespace
}  // namespace mvsgd::nn
