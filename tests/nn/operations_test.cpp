#include "nn/operations.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "tests/nn/backends.hpp"
#include "tests/nn/rectified.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using testing::add_relu;
using testing::all_near;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::make;
using testing::read;
using testing::relu;
using testing::small_integers;
using testing::uniform;

constexpr double kEpsilon = 0x1p-24;  // the largest relative error of one float32 rounding

class Operations : public testing::EveryBackend {
 protected:
  [[nodiscard]] Parameter parameter(const Shape& shape, const std::vector<float>& values) const {
    return {.value = make(backend(), shape, values), .gradient = backend().allocate(shape)};
  }
  [[nodiscard]] Variable leaf(const Shape& shape, const std::vector<float>& values) const {
    return {make(backend(), shape, values), backend().allocate(shape)};
  }
  [[nodiscard]] std::vector<float> gradient_of(const Variable& leaf) const {
    return read(backend(), leaf.gradient()->take(backend()));
  }
  [[nodiscard]] BatchNorm norm(const std::vector<float>& gamma,
                               const std::vector<float>& beta) const {
    const Shape shape{static_cast<std::int64_t>(gamma.size())};
    const std::vector<float> ones(gamma.size(), 1);
    return {
        .gamma = parameter(shape, gamma),
        .beta = parameter(shape, beta),
        .running = {.mean = backend().allocate(shape), .variance = make(backend(), shape, ones)}};
  }
};

INSTANTIATE_TEST_SUITE_P(Backends, Operations, ::testing::ValuesIn(testing::backends()),
                         testing::case_name);

template <typename Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was refused";
}

// A convolution and its gradients by definition, in the letters of nn/operations.hpp.
struct PlainConvolution {
  std::vector<float> y, dx, dw;

  PlainConvolution(const Shape& x_shape, const std::vector<float>& x, const Shape& w_shape,
                   const std::vector<float>& w, const Conv2dOptions& options,
                   const std::vector<float>& dy)
      : dx(x.size()), dw(w.size()) {
    const std::int64_t stride = options.stride, padding = options.padding;
    const std::int64_t height = (x_shape[2] + 2 * padding - w_shape[2]) / stride + 1;
    const std::int64_t width = (x_shape[3] + 2 * padding - w_shape[3]) / stride + 1;
    for (std::int64_t n = 0; n < x_shape[0]; ++n) {
      for (std::int64_t o = 0; o < w_shape[0]; ++o) {
        for (std::int64_t i = 0; i < height; ++i) {
          for (std::int64_t j = 0; j < width; ++j) {
            float sum = 0;
            for (std::int64_t c = 0; c < w_shape[1]; ++c) {
              for (std::int64_t u = 0; u < w_shape[2]; ++u) {
                for (std::int64_t v = 0; v < w_shape[3]; ++v) {
                  const std::int64_t row = i * stride + u - padding;
                  const std::int64_t column = j * stride + v - padding;
                  if (row < 0 || row >= x_shape[2] || column < 0 || column >= x_shape[3]) continue;
                  const auto a = static_cast<std::size_t>(
                      ((n * x_shape[1] + c) * x_shape[2] + row) * x_shape[3] + column);
                  const auto b = static_cast<std::size_t>(
                      ((o * w_shape[1] + c) * w_shape[2] + u) * w_shape[3] + v);
                  sum += x[a] * w[b];
                  dx[a] += dy[y.size()] * w[b];
                  dw[b] += dy[y.size()] * x[a];
                }
              }
            }
            y.push_back(sum);
          }
        }
      }
    }
  }
};

TEST_P(Operations, ConvolutionsOfSmallIntegersAreExact) {
  struct Problem {
    Shape x, w;
    Conv2dOptions options;
    Shape y;
  };
  // ResNet-18's kinds (3x3 with stride 1 and 2, 1x1 shortcuts), then odd sizes and numbers of
  // channels.
  const std::vector<Problem> problems{
      {{2, 3, 8, 8}, {16, 3, 3, 3}, {.stride = 1, .padding = 1}, {2, 16, 8, 8}},
      {{2, 8, 8, 8}, {8, 8, 3, 3}, {.stride = 1, .padding = 1}, {2, 8, 8, 8}},
      {{2, 8, 8, 8}, {16, 8, 3, 3}, {.stride = 2, .padding = 1}, {2, 16, 4, 4}},
      {{2, 8, 8, 8}, {16, 8, 1, 1}, {.stride = 2, .padding = 0}, {2, 16, 4, 4}},
      {{1, 5, 7, 4}, {3, 5, 3, 3}, {.stride = 2, .padding = 1}, {1, 3, 4, 2}},
      {{3, 2, 5, 6}, {7, 2, 2, 3}, {.stride = 1, .padding = 2}, {3, 7, 8, 8}},
      {{1, 1, 3, 3}, {1, 1, 3, 3}, {.stride = 1, .padding = 0}, {1, 1, 1, 1}}};
  for (const Problem& problem : problems) {
    SCOPED_TRACE(to_string(problem.x) + " * " + to_string(problem.w));
    const std::vector<float> x = small_integers(elements(problem.x), 1);
    const std::vector<float> w = small_integers(elements(problem.w), 2);
    const std::vector<float> dy = small_integers(elements(problem.y), 3);
    const PlainConvolution want(problem.x, x, problem.w, w, problem.options, dy);

    const Variable input = leaf(problem.x, x);
    const Parameter weights = parameter(problem.w, w);
    Tape tape(backend());
    const Variable y = conv2d(tape, input, weights, problem.options);
    ASSERT_EQ(y.value().shape, problem.y);
    EXPECT_EQ(read(backend(), y.value()), want.y);
    tape.backward(y, make(backend(), problem.y, dy));
    EXPECT_EQ(gradient_of(input), want.dx);
    EXPECT_EQ(read(backend(), weights.gradient), want.dw);
  }
}

TEST_P(Operations, WeightGradientsAreAddedToWhatIsThere) {
  const Parameter w{.value = make(backend(), {1, 1, 1, 1}, {2}),
                    .gradient = make(backend(), {1, 1, 1, 1}, {100})};
  Tape tape(backend());
  const Variable once = conv2d(tape, Variable(make(backend(), {1, 1, 1, 2}, {3, 4})), w);
  const Variable twice = conv2d(tape, once, w);
  EXPECT_THAT(read(backend(), twice.value()), ElementsAre(12, 16));
  tape.backward(twice, make(backend(), {1, 1, 1, 2}, {1, 1}));
  // dw = x1 + x2 of the second use, 6 + 8, and w (3 + 4) of the first.
  EXPECT_THAT(read(backend(), w.gradient), ElementsAre(100 + 14 + 14));
}

TEST_P(Operations, AveragesOverAPlaneOfAPowerOfTwoAreExact) {
  const Variable x = leaf({1, 2, 2, 2}, {1, 2, 3, 6, -4, 0, 0, 8});
  Tape tape(backend());
  const Variable y = global_average_pool(tape, x);
  ASSERT_EQ(y.value().shape, (Shape{1, 2}));
  EXPECT_THAT(read(backend(), y.value()), ElementsAre(3, 1));
  tape.backward(y, make(backend(), {1, 2}, {4, -8}));
  EXPECT_THAT(gradient_of(x), ElementsAre(1, 1, 1, 1, -2, -2, -2, -2));
}

TEST_P(Operations, LinearLayersOfSmallIntegersAreExact) {
  const Variable x = leaf({2, 3}, {1, 2, 3, -1, 0, 2});
  const Parameter w = parameter({2, 3}, {1, 0, -1, 2, 1, 1});
  const Parameter b = parameter({2}, {10, 20});
  Tape tape(backend());
  const Variable y = linear(tape, x, w, b);
  EXPECT_THAT(read(backend(), y.value()), ElementsAre(8, 27, 7, 20));
  tape.backward(y, make(backend(), {2, 2}, {1, 2, 3, -1}));
  EXPECT_THAT(gradient_of(x), ElementsAre(5, 2, 1, 1, -1, -4));
  EXPECT_THAT(read(backend(), w.gradient), ElementsAre(-2, 2, 9, 3, 4, 4));
  EXPECT_THAT(read(backend(), b.gradient), ElementsAre(4, 1));
}

// Two channels of four elements, means 4 and -1, biased variances 5 and 4, so unbiased 20/3, 16/3.
const Shape kNormShape{2, 2, 1, 2};
const std::vector<float> kNormInput{1, 3, -3, 1, 5, 7, -3, 1};

TEST_P(Operations, BatchNormNormalisesEachChannelOfTheBatch) {
  const BatchNorm state = norm({2, 3}, {1, -1});
  Tape tape(backend(), Recording::off);
  const Variable y = batch_norm(tape, Variable(make(backend(), kNormShape, kNormInput)), state,
                                BatchNormMode::batch, {.epsilon = 0});
  const double g = 2 / std::sqrt(5.0);
  // Differences from the mean are exact here. Then come sqrt, a division, two products and a sum.
  EXPECT_TRUE(all_near(read(backend(), y.value()),
                       std::vector<double>{1 - 3 * g, 1 - g, -4, 2, 1 + g, 1 + 3 * g, -4, 2},
                       6 * kEpsilon * 5));
}

TEST_P(Operations, BatchNormRectifiesInTheSamePass) {
  const BatchNorm state = norm({2, 3}, {1, -1});
  Tape tape(backend(), Recording::off);
  const Variable x(make(backend(), kNormShape, kNormInput));
  const auto apply = [&](bool rectified) {
    return read(backend(),
                batch_norm(tape, x, state, BatchNormMode::batch, {.relu = rectified}).value());
  };
  std::vector<float> want = apply(false);
  for (float& value : want) value = std::max(value, 0.0F);
  EXPECT_EQ(apply(true), want);
}

// The end of a residual block, from the results of its convolutions: in one pass, and in two.
struct BlockEnd {
  std::vector<float> y, dx, dresidual, dgamma, dbeta;

  friend bool operator==(const BlockEnd&, const BlockEnd&) = default;
};

TEST_P(Operations, AResidualInsideBatchNormIsOneAddedAfterIt) {
  for (const std::int64_t channels : {1, 5, 16}) {
    for (const bool rectified : {false, true}) {
      for (const bool used_twice : {false, true}) {
        const Shape shape{3, channels, 4, 4};
        const auto compute = [&](bool fused) {
          const BatchNorm state = norm(uniform(channels, 3), uniform(channels, 4));
          const Variable x = leaf(shape, uniform(elements(shape), 1));
          const Variable residual = leaf(shape, uniform(elements(shape), 2));
          Tape tape(backend());
          const BatchNormOptions options{.relu = rectified};
          const auto unfused = [&] {
            const Variable v = batch_norm(tape, x, state, BatchNormMode::batch);
            const Tensor sum = backend().allocate(shape);
            if (rectified) return add_relu(tape, v, residual);
            backend().accumulate(sum, v.value());
            backend().accumulate(sum, residual.value());
            return tape.record(sum, [&, from = v.gradient()](Gradient& dy) {
              const Tensor term = dy.take(backend());
              from->add(backend(), term);
              residual.gradient()->add(backend(), term);
            });
          };
          const Variable y =
              fused ? batch_norm(tape, x, residual, state, BatchNormMode::batch, options)
                    : unfused();
          // Used twice, so its gradient comes in two terms.
          const Variable last = used_twice ? add_relu(tape, y, relu(tape, y)) : relu(tape, y);
          tape.backward(last, make(backend(), shape, uniform(elements(shape), 5)));
          EXPECT_EQ(read(backend(), x.value()), uniform(elements(shape), 1));
          EXPECT_EQ(read(backend(), residual.value()), uniform(elements(shape), 2));
          return BlockEnd{.y = read(backend(), y.value()),
                          .dx = gradient_of(x),
                          .dresidual = gradient_of(residual),
                          .dgamma = read(backend(), state.gamma.gradient),
                          .dbeta = read(backend(), state.beta.gradient)};
        };
        EXPECT_EQ(compute(true), compute(false))
            << channels << " channels" << (rectified ? ", rectified" : "")
            << (used_twice ? ", used twice" : "");
      }
    }
  }
}

TEST_P(Operations, EvaluationAddsTheResidualBeforeItRectifies) {
  BatchNorm state = norm({2, 3}, {1, -1});
  backend().write(state.running.variance, std::vector<float>{4, 16});
  Tape tape(backend(), Recording::off);
  const Variable x(make(backend(), kNormShape, kNormInput));
  const Variable residual(make(backend(), kNormShape, {-5, 1, 10, 0, 0, 0, 0, 1}));
  const Variable y =
      batch_norm(tape, x, residual, state, BatchNormMode::running, {.epsilon = 0, .relu = true});
  const std::vector<double> want{0, 5, 6.75, 0, 6, 8, 0, 0.75};
  EXPECT_TRUE(all_near(read(backend(), y.value()), want, 8 * kEpsilon * 10));
}

TEST_P(Operations, WeightGradientsOfAParameterThatOverwritesReplaceWhatIsThere) {
  const Parameter w{.value = make(backend(), {1, 1, 1, 1}, {2}),
                    .gradient = make(backend(), {1, 1, 1, 1}, {100}),
                    .into = Into::overwrite};
  Tape tape(backend());
  const Variable y = conv2d(tape, Variable(make(backend(), {1, 1, 1, 2}, {3, 4})), w);
  tape.backward(y, make(backend(), {1, 1, 1, 2}, {1, 1}));
  EXPECT_THAT(read(backend(), w.gradient), ElementsAre(7));
}

TEST_P(Operations, RunningVariancesTakeTheUnbiasedOne) {
  const BatchNorm state = norm({1, 1}, {0, 0});
  Tape tape(backend(), Recording::off);
  const Variable x(make(backend(), kNormShape, kNormInput));
  static_cast<void>(batch_norm(tape, x, state, BatchNormMode::update, {.momentum = 0.25F}));
  // From mean 0 and variance 1: a sum of two products, and the statistics' own roundings.
  const double bound = 8 * kEpsilon;
  EXPECT_TRUE(all_near(read(backend(), state.running.mean), std::vector<double>{1, -0.25}, bound));
  EXPECT_TRUE(all_near(read(backend(), state.running.variance),
                       std::vector<double>{0.75 + 0.25 * 20 / 3, 0.75 + 0.25 * 16 / 3}, 3 * bound));
  static_cast<void>(batch_norm(tape, x, state, BatchNormMode::update, {.momentum = 1}));
  EXPECT_TRUE(all_near(read(backend(), state.running.mean), std::vector<double>{4, -1}, 4 * bound));
  EXPECT_TRUE(all_near(read(backend(), state.running.variance),
                       std::vector<double>{20.0 / 3, 16.0 / 3}, 7 * bound));
}

TEST_P(Operations, OnlyUpdatesTouchTheRunningStatistics) {
  const BatchNorm state = norm({1, 1}, {0, 0});
  Tape tape(backend(), Recording::off);
  const Variable x(make(backend(), kNormShape, kNormInput));
  static_cast<void>(batch_norm(tape, x, state, BatchNormMode::batch));
  static_cast<void>(batch_norm(tape, x, state, BatchNormMode::running));
  EXPECT_THAT(read(backend(), state.running.mean), ElementsAre(0, 0));
  EXPECT_THAT(read(backend(), state.running.variance), ElementsAre(1, 1));
}

TEST_P(Operations, EvaluationUsesTheRunningStatistics) {
  BatchNorm state = norm({2, 3}, {1, -1});
  backend().write(state.running.mean, std::vector<float>{1, -3});
  backend().write(state.running.variance, std::vector<float>{4, 16});
  Tape tape(backend(), Recording::off);
  const Variable x(make(backend(), kNormShape, kNormInput));
  const Variable y =
      batch_norm(tape, x, state, BatchNormMode::running, {.epsilon = 0, .relu = true});
  EXPECT_TRUE(all_near(read(backend(), y.value()), std::vector<double>{1, 3, 0, 2, 5, 7, 0, 2},
                       6 * kEpsilon * 7));
}

TEST_P(Operations, BatchNormGradientsAreWithinTheirBound) {
  const Shape shape{3, 5, 4, 4};
  const std::int64_t channels = 5;
  const std::int64_t plane = 16;
  const double m = 48;
  const std::vector<float> x = uniform(elements(shape), 4);
  const std::vector<float> dy = uniform(elements(shape), 5);
  const std::vector<float> gamma{0.5F, 1, -2, 1.5F, 3};
  const std::vector<float> beta{0.25F, -0.5F, 0, 1, -1};
  const Variable input = leaf(shape, x);
  const BatchNorm state = norm(gamma, beta);
  Tape tape(backend());
  const Variable y = batch_norm(tape, input, state, BatchNormMode::batch, {.relu = true});
  const std::vector<float> value = read(backend(), y.value());
  tape.backward(y, make(backend(), shape, dy));
  const std::vector<float> dx = gradient_of(input);
  const std::vector<float> dgamma = read(backend(), state.gamma.gradient);
  const std::vector<float> dbeta = read(backend(), state.beta.gradient);

  for (std::int64_t c = 0; c < channels; ++c) {
    SCOPED_TRACE("channel " + std::to_string(c));
    const double g = gamma[static_cast<std::size_t>(c)];
    const double b = beta[static_cast<std::size_t>(c)];
    std::vector<std::size_t> at;
    for (std::int64_t e = 0; e < 3 * plane; ++e) {
      at.push_back(static_cast<std::size_t>((e / plane * channels + c) * plane + e % plane));
    }
    double mean = 0;
    double variance = 0;
    for (const std::size_t e : at) mean += x[e] / m;
    for (const std::size_t e : at) variance += (x[e] - mean) * (x[e] - mean) / m;
    const double inverse_deviation = 1 / std::sqrt(variance + static_cast<double>(1e-5F));
    std::vector<double> h;
    std::vector<double> dv;
    double sum = 0;
    double sum_h = 0;
    double magnitude = 0;
    for (const std::size_t e : at) {
      h.push_back((x[e] - mean) * inverse_deviation);
      const double before_relu = g * h.back() + b;
      ASSERT_GT(std::abs(before_relu), 1e-4) << "the test's own values are too near the kink";
      dv.push_back(before_relu > 0 ? dy[e] : 0.0);
      sum += dv.back();
      sum_h += dv.back() * h.back();
      magnitude += std::abs(dv.back()) * (1 + std::abs(h.back()));
    }
    // |x| < 1, so mean and variance, which are sums of m terms, have m + 2 roundings of at most 1
    // each. h has as many, times 1 / deviation and times |h|. |h| < 2 and 1 / deviation < 2 for
    // uniform values. Every sum of terms with h adds m more roundings.
    const double roundings = 2 * (m + 8) * kEpsilon;
    const auto relative = [&](double size) { return 4 * roundings * size; };
    std::vector<double> want_y;
    std::vector<double> want_dx;
    std::vector<float> got_y;
    std::vector<float> got_dx;
    for (std::size_t i = 0; i < at.size(); ++i) {
      want_y.push_back(std::max(0.0, g * h[i] + b));
      want_dx.push_back(g * inverse_deviation * (dv[i] - (sum + h[i] * sum_h) / m));
      got_y.push_back(value[at[i]]);
      got_dx.push_back(dx[at[i]]);
    }
    EXPECT_TRUE(all_near(got_y, want_y, relative(std::abs(g) + std::abs(b))));
    EXPECT_TRUE(all_near(got_dx, want_dx,
                         relative(std::abs(g) * inverse_deviation * (1 + 3 * magnitude / m))));
    EXPECT_NEAR(dgamma[static_cast<std::size_t>(c)], sum_h, relative(magnitude));
    EXPECT_NEAR(dbeta[static_cast<std::size_t>(c)], sum, relative(magnitude));
  }
}

TEST_P(Operations, CrossEntropyOfEqualLogitsIsTheLogarithmOfTheirNumber) {
  Tape tape(backend());
  const Variable logits = leaf({2, 4}, {1, 1, 1, 1, -7, -7, -7, -7});
  const std::vector<std::uint8_t> labels{0, 2};
  const Loss loss = softmax_cross_entropy(tape, logits, labels);
  EXPECT_NEAR(loss.value, std::log(4.0), 8 * kEpsilon);
  EXPECT_EQ(loss.correct, 1) << "the first of equals is the answer";
  EXPECT_TRUE(all_near(read(backend(), loss.dlogits),
                       std::vector<double>{-.375, .125, .125, .125, .125, .125, -.375, .125},
                       4 * kEpsilon));
}

TEST_P(Operations, CrossEntropyIsWithinItsBound) {
  const std::size_t count = 7;
  const std::size_t classes = 10;
  std::vector<float> z = uniform(count * classes, 6);
  for (float& value : z) value *= 20;
  const std::vector<std::uint8_t> labels = testing::labels(count, 7);
  Tape tape(backend());
  const Loss loss = softmax_cross_entropy(
      tape, Variable(make(backend(), {static_cast<std::int64_t>(count), 10}, z)), labels);
  double want_loss = 0;
  std::int64_t correct = 0;
  std::vector<double> want;
  for (std::size_t n = 0; n < count; ++n) {
    const std::span<const float> row(z.data() + n * classes, classes);
    double sum = 0;
    for (const float value : row) sum += std::exp(static_cast<double>(value));
    want_loss += (std::log(sum) - static_cast<double>(row[labels[n]])) / count;
    correct += std::max_element(row.begin(), row.end()) - row.begin() == labels[n];
    for (std::size_t i = 0; i < classes; ++i) {
      want.push_back((std::exp(static_cast<double>(row[i])) / sum - (i == labels[n])) / count);
    }
  }
  // The argument of exp, a difference of at most 40, is rounded by up to 40 eps, which becomes a
  // relative error of the power. The sum of ten and the quotients add twelve more.
  const double relative = (40 + 12) * kEpsilon;
  EXPECT_NEAR(loss.value, want_loss, relative * (1 + want_loss));
  EXPECT_EQ(loss.correct, correct);
  EXPECT_TRUE(all_near(read(backend(), loss.dlogits), want, relative / count));
}

TEST_P(Operations, CrossEntropyOfLargeLogitsIsFinite) {
  Tape tape(backend());
  const Variable logits(make(backend(), {1, 3}, {3e38F, -3e38F, 0}));
  const std::vector<std::uint8_t> right{0};
  const Loss loss = softmax_cross_entropy(tape, logits, right);
  EXPECT_EQ(loss.value, 0);
  EXPECT_THAT(read(backend(), loss.dlogits), ElementsAre(0, 0, 0));
}

TEST_P(Operations, CrossEntropyOfANotANumberIsNotANumber) {
  Tape tape(backend());
  for (const std::size_t where : {0U, 1U, 2U}) {
    std::vector<float> z{1, 2, 3};
    z[where] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<std::uint8_t> label{1};
    EXPECT_TRUE(
        std::isnan(softmax_cross_entropy(tape, Variable(make(backend(), {1, 3}, z)), label).value))
        << where;
  }
}

TEST_P(Operations, StepsOfSgdRoundEachOperationOnce) {
  const std::int64_t d = 1000;
  const std::vector<float> theta = uniform(d, 8);
  const std::vector<float> gradient = uniform(d, 9);
  const Tensor x = make(backend(), {d}, theta);
  backend().sgd_step(x, make(backend(), {d}, gradient), 0.1F, 1e-4F);
  std::vector<float> want;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const float decay = 1e-4F * theta[i];
    const float sum = gradient[i] + decay;
    const float step = 0.1F * sum;
    want.push_back(theta[i] - step);
  }
  EXPECT_EQ(read(backend(), x), want);
}

TEST_P(Operations, ViewsShareTheFlatArray) {
  const Tensor flat = make(backend(), {6}, {0, 1, 2, 3, 4, 5});
  const Tensor view = backend().view(flat, 2, {1, 3});
  EXPECT_THAT(read(backend(), view), ElementsAre(2, 3, 4));
  backend().write(view, std::vector<float>{7, 8, 9});
  EXPECT_THAT(read(backend(), flat), ElementsAre(0, 1, 7, 8, 9, 5));
  backend().fill_zero(view);
  EXPECT_THAT(read(backend(), flat), ElementsAre(0, 1, 0, 0, 0, 5));
  backend().accumulate(view, make(backend(), {1, 3}, {1, 2, 3}));
  EXPECT_THAT(read(backend(), flat), ElementsAre(0, 1, 1, 2, 3, 5));
}

TEST_P(Operations, RefuseShapesThatDoNotFitNamingThem) {
  Tape tape(backend());
  const auto x = [&](const Shape& shape) { return Variable(backend().allocate(shape)); };
  const auto p = [&](const Shape& shape) {
    return Parameter{.value = backend().allocate(shape), .gradient = backend().allocate(shape)};
  };
  const auto conv = [&](const Shape& in, const Shape& w, Conv2dOptions options) {
    return refusal([&] { static_cast<void>(conv2d(tape, x(in), p(w), options)); });
  };
  EXPECT_THAT(conv({2, 3, 8, 8}, {4, 5, 3, 3}, {}), HasSubstr("2x3x8x8"));
  EXPECT_THAT(conv({2, 3, 8, 8}, {4, 5, 3, 3}, {}), HasSubstr("4x5x3x3"));
  EXPECT_THAT(conv({3, 8, 8}, {4, 3, 3, 3}, {}), HasSubstr("3x8x8"));
  EXPECT_THAT(conv({2, 3, 2, 2}, {4, 3, 3, 3}, {}), HasSubstr("2x3x2x2"));
  EXPECT_THAT(conv({2, 3, 8, 8}, {4, 3, 3, 3}, {.stride = 0}), HasSubstr("2x3x8x8"));

  BatchNorm state = norm({1, 1, 1}, {0, 0, 0});
  const auto bn = [&](const Shape& in, BatchNormMode mode) {
    return refusal([&] {
      Tape evaluation(backend(), Recording::off);
      static_cast<void>(batch_norm(evaluation, x(in), state, mode));
    });
  };
  EXPECT_THAT(bn({2, 4, 2, 2}, BatchNormMode::batch), HasSubstr("2x4x2x2"));
  EXPECT_THAT(bn({2, 3}, BatchNormMode::running), HasSubstr("2x3"));
  EXPECT_THAT(bn({1, 3, 1, 1}, BatchNormMode::update), HasSubstr("1x3x1x1"))
      << "one element has no unbiased variance";
  EXPECT_THAT(refusal([&] {
                Tape evaluation(backend(), Recording::off);
                static_cast<void>(batch_norm(evaluation, x({2, 3, 2, 2}), x({2, 3, 2, 1}), state,
                                             BatchNormMode::batch));
              }),
              HasSubstr("2x3x2x1"));
  state.running.mean = backend().allocate({2});
  EXPECT_THAT(bn({2, 3, 2, 2}, BatchNormMode::update), HasSubstr("running mean 2 "));

  EXPECT_THAT(refusal([&] {
                backend().accumulate(backend().allocate({2, 3}), backend().allocate({3, 2}));
              }),
              HasSubstr("3x2"));
  EXPECT_THAT(refusal([&] {
                static_cast<void>(global_average_pool(tape, x({2, 7})));
              }),
              HasSubstr("2x7"));
  EXPECT_THAT(refusal([&] {
                static_cast<void>(linear(tape, x({2, 7}), p({4, 6}), p({4})));
              }),
              HasSubstr("2x7"));
  EXPECT_THAT(refusal([&] {
                static_cast<void>(linear(tape, x({2, 6}), p({4, 6}), p({5})));
              }),
              HasSubstr("4x6"));

  const std::vector<std::uint8_t> labels{3, 0};
  const std::vector<std::uint8_t> too_few{0};
  const auto entropy = [&](const Shape& logits, std::span<const std::uint8_t> given) {
    return refusal([&] { static_cast<void>(softmax_cross_entropy(tape, x(logits), given)); });
  };
  EXPECT_THAT(entropy({2, 4}, too_few), HasSubstr("2x4"));
  EXPECT_THAT(entropy({2, 3}, labels), HasSubstr("label 3: logits 2x3"));

  const Tensor flat = backend().allocate({6});
  EXPECT_THAT(refusal([&] { static_cast<void>(backend().view(flat, 4, {3})); }),
              HasSubstr("view at 4: shape 3 of 6"));
  EXPECT_THAT(refusal([&] { backend().write(flat, std::vector<float>(5)); }),
              HasSubstr("write of 5 values: to 6"));
  EXPECT_THAT(refusal([&] { backend().sgd_step(flat, backend().allocate({5}), 1, 0); }),
              HasSubstr("sgd_step: a 6 b 5"));
}

TEST_P(Operations, RunningStatisticsAreNotDifferentiated) {
  Tape tape(backend());
  EXPECT_THROW(static_cast<void>(batch_norm(tape, Variable(backend().allocate({2, 1, 2, 2})),
                                            norm({1}, {0}), BatchNormMode::running)),
               std::logic_error);
}

}  // namespace
}  // namespace mvsgd::nn
