#include "nn/onednn/make_onednn.hpp"

#include <gmock/gmock.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "nn/reference/make_reference.hpp"
#include "nn/reference/reference_backend.hpp"
#include "tests/nn/rectified.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using testing::all_near;
using ::testing::HasSubstr;
using testing::make;
using ::testing::MatchesRegex;
using testing::read;
using testing::small_integers;
using testing::uniform;

constexpr double kEpsilon = 0x1p-24;  // the largest relative error of one float32 rounding

class OneDnnBackend : public ::testing::Test {
 protected:
  OneDnnBackend() { onednn_->enter(1); }

  // The same values on both backends.
  struct Pair {
    Tensor onednn;
    Tensor reference;
  };
  [[nodiscard]] Pair integers(const Shape& shape, std::uint64_t seed) const {
    const std::vector<float> values = small_integers(elements(shape), seed);
    return {.onednn = make(*onednn_, shape, values), .reference = make(*reference_, shape, values)};
  }
  // An activation of small integers in the layout that convolutions leave: the result of a 1x1
  // convolution with the identity.
  [[nodiscard]] Pair activation(const Shape& shape, std::uint64_t seed) const {
    Pair x = integers(shape, seed);
    std::vector<float> identity(static_cast<std::size_t>(shape[1] * shape[1]));
    for (std::size_t c = 0; c < static_cast<std::size_t>(shape[1]); ++c) {
      identity[c * static_cast<std::size_t>(shape[1]) + c] = 1;
    }
    x.onednn = onednn_->conv2d(x.onednn, make(*onednn_, {shape[1], shape[1], 1, 1}, identity), {});
    return x;
  }
  void expect_equal(const Tensor& onednn, const Tensor& reference) const {
    ASSERT_EQ(onednn.shape, reference.shape);
    EXPECT_EQ(read(*onednn_, onednn), read(*reference_, reference));
  }

  const std::unique_ptr<Backend> onednn_ = make_onednn_backend();
  const std::unique_ptr<Backend> reference_ = make_reference_backend();
};

template <typename Error, typename Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST_F(OneDnnBackend, SaysItsLibrarysVersionAndInstructionSet) {
  EXPECT_THAT(onednn_->version(), MatchesRegex("oneDNN [0-9]+\\.[0-9]+\\.[0-9]+ [a-z0-9_]+"));
}

struct Problem {
  std::int64_t n, c, h, w, o, r;
  Conv2dOptions options;

  [[nodiscard]] std::string text() const {
    std::string text;
    const std::pair<char, std::int64_t> letters[] = {{'n', n},
                                                     {'c', c},
                                                     {'h', h},
                                                     {'w', w},
                                                     {'o', o},
                                                     {'r', r},
                                                     {'s', options.stride},
                                                     {'p', options.padding}};
    for (const auto& [letter, extent] : letters) text += letter + std::to_string(extent);
    return text;
  }
};

class OneDnnConvolution : public OneDnnBackend, public ::testing::WithParamInterface<Problem> {};

// ResNet-18's own at widths 2 to 16, then channels that are no multiple of any block, planes that
// are not square, and strides that leave a margin unread.
constexpr Conv2dOptions kSame{.stride = 1, .padding = 1};
constexpr Conv2dOptions kHalf{.stride = 2, .padding = 1};
constexpr Conv2dOptions kShortcut{.stride = 2, .padding = 0};
INSTANTIATE_TEST_SUITE_P(
    Problems, OneDnnConvolution,
    ::testing::Values(Problem{2, 3, 32, 32, 16, 3, kSame}, Problem{2, 3, 32, 32, 4, 3, kSame},
                      Problem{3, 2, 16, 16, 2, 3, kSame}, Problem{3, 4, 16, 16, 8, 3, kHalf},
                      Problem{3, 4, 16, 16, 8, 1, kShortcut}, Problem{2, 16, 32, 32, 16, 3, kSame},
                      Problem{2, 16, 32, 32, 32, 3, kHalf},
                      Problem{2, 16, 32, 32, 32, 1, kShortcut},
                      Problem{4, 128, 4, 4, 128, 3, kSame}, Problem{4, 64, 8, 8, 128, 3, kHalf},
                      Problem{4, 64, 8, 8, 128, 1, kShortcut}, Problem{2, 5, 9, 6, 7, 3, kSame},
                      Problem{2, 13, 9, 6, 21, 3, kHalf}, Problem{2, 21, 7, 8, 13, 1, kShortcut},
                      Problem{1, 1, 1, 1, 1, 1, {}},
                      Problem{1, 9, 5, 5, 3, 5, {.stride = 3, .padding = 2}}),
    [](const auto& tested) { return tested.param.text(); });

TEST_P(OneDnnConvolution, EqualsTheReferenceOnSmallIntegers) {
  const auto& [n, c, h, width, o, r, options] = GetParam();
  const Pair w = integers({o, c, r, r}, 1);
  const Pair dw = integers({o, c, r, r}, 2);
  // Images are plain, activations blocked.
  for (const Pair& x : {integers({n, c, h, width}, 3), activation({n, c, h, width}, 3)}) {
    const Tensor y = onednn_->conv2d(x.onednn, w.onednn, options);
    const Tensor want = reference_->conv2d(x.reference, w.reference, options);
    expect_equal(y, want);
    for (const Pair& dy : {integers(want.shape, 4), activation(want.shape, 4)}) {
      expect_equal(
          onednn_->conv2d_backward_data(dy.onednn, w.onednn, x.reference.shape, options),
          reference_->conv2d_backward_data(dy.reference, w.reference, x.reference.shape, options));
      for (const Into into : {Into::add, Into::overwrite}) {
        onednn_->conv2d_backward_weights(x.onednn, dy.onednn, dw.onednn, into, options);
        reference_->conv2d_backward_weights(x.reference, dy.reference, dw.reference, into, options);
        expect_equal(dw.onednn, dw.reference);
      }
    }
  }
}

TEST_F(OneDnnBackend, EqualsTheReferenceInSumsOfAnyPairOfLayouts) {
  for (const std::int64_t channels : {1, 5, 8, 16, 20}) {
    const Shape shape{2, channels, 4, 2};
    for (const Pair& a : {integers(shape, 1), activation(shape, 1)}) {
      for (const Pair& b : {integers(shape, 2), activation(shape, 2)}) {
        onednn_->accumulate(a.onednn, b.onednn);
        reference_->accumulate(a.reference, b.reference);
        expect_equal(a.onednn, a.reference);
      }
    }
  }
}

TEST_F(OneDnnBackend, EqualsTheReferenceInPoolsOfPowersOfTwo) {
  for (const std::int64_t channels : {1, 5, 8, 16, 20}) {
    const Shape shape{3, channels, 4, 2};
    const Pair dy = integers({3, channels}, 2);
    for (const Pair& x : {integers(shape, 1), activation(shape, 1)}) {
      expect_equal(onednn_->global_average_pool(x.onednn),
                   reference_->global_average_pool(x.reference));
      expect_equal(onednn_->global_average_pool_backward(dy.onednn, x.onednn),
                   reference_->global_average_pool_backward(dy.reference, x.reference));
    }
  }
}

TEST_F(OneDnnBackend, EqualsTheReferenceInLinearLayersOfSmallIntegers) {
  for (const std::int64_t inner : {1, 13, 16, 128}) {
    const Pair x = integers({5, inner}, 1);
    const Pair w = integers({10, inner}, 2);
    const Pair b = integers({10}, 3);
    const Pair dy = integers({5, 10}, 4);
    expect_equal(onednn_->linear(x.onednn, w.onednn, b.onednn),
                 reference_->linear(x.reference, w.reference, b.reference));
    expect_equal(onednn_->linear_backward_data(dy.onednn, w.onednn),
                 reference_->linear_backward_data(dy.reference, w.reference));
    onednn_->linear_backward_weights(x.onednn, dy.onednn, w.onednn, b.onednn);
    reference_->linear_backward_weights(x.reference, dy.reference, w.reference, b.reference);
    expect_equal(w.onednn, w.reference);
    expect_equal(b.onednn, b.reference);
  }
}

TEST_F(OneDnnBackend, PaddedChannelsStayZero) {
  // Values in the padding show in the next convolution. Its weights there are zero, but zero times
  // a value that is not finite is not zero.
  const float huge = 0x1p127F;
  const Pair x = activation({1, 5, 2, 2}, 1);
  const Tensor gamma = make(*onednn_, {5}, std::vector<float>(5, 1));
  const Tensor beta = make(*onednn_, {5}, std::vector<float>(5, huge));
  const BatchNormOptions options{.epsilon = 0, .relu = true};
  const Tensor y = onednn_->batch_norm_train(x.onednn, gamma, beta, {}, {}, options).y;
  onednn_->accumulate(y, onednn_->batch_norm_train(x.onednn, gamma, beta, {}, {}, options).y);
  const Tensor w = make(*onednn_, {3, 5, 1, 1}, std::vector<float>(15, 0x1p-130F));
  const std::vector<float> sums = read(*onednn_, onednn_->conv2d(y, w, {}));
  EXPECT_TRUE(std::all_of(sums.begin(), sums.end(), [](float s) { return std::isinf(s); }))
      << "2^127 + 2^127 overflows, in five channels that are real";
}

TEST_F(OneDnnBackend, BatchNormIsWithinItsBoundOfTheReferenceInDouble) {
  ReferenceBackend<double> exact;
  BatchNormOptions options{.momentum = 0.5F};
  for (const std::int64_t channels : {1, 5, 16}) {
    for (const float offset : {0.0F, 100.0F}) {
      SCOPED_TRACE(std::to_string(channels) + " channels at " + std::to_string(offset));
      const std::int64_t plane = 64;
      const Shape shape{6, channels, 8, 8};
      const auto m = static_cast<double>(6 * plane);
      std::vector<float> x = uniform(elements(shape), 1);
      for (float& value : x) value += offset;
      const std::vector<float> dy = uniform(elements(shape), 2);
      const std::vector<float> gamma = uniform(channels, 3);
      const std::vector<float> beta = uniform(channels, 4);

      struct Results {
        BatchNormForward forward;
        RunningStatistics running;
        Tensor evaluated, dx, dgamma, dbeta;
      };
      const auto compute = [&](Backend& backend) {
        const Tensor in = make(backend, shape, x);
        const Tensor g = make(backend, {channels}, gamma);
        const Tensor b = make(backend, {channels}, beta);
        Results r;
        r.running = {.mean = backend.allocate({channels}),
                     .variance = backend.allocate({channels})};
        r.forward = backend.batch_norm_train(in, g, b, r.running, {}, options);
        r.evaluated = backend.batch_norm_evaluate(in, g, b, r.running, {}, options);
        r.dgamma = backend.allocate({channels});
        r.dbeta = backend.allocate({channels});
        r.dx = backend
                   .batch_norm_backward(make(backend, shape, dy), {}, in, g, r.forward, r.dgamma,
                                        r.dbeta, options)
                   .dx;
        return r;
      };
      const Results got = compute(*onednn_);
      const Results want = compute(exact);

      // The roundings that one element passes in a plane's sum, its mean and the mean of all: plane
      // / 4 in the chain, two to join chains, and a few others.
      const double roundings = static_cast<double>(plane) / 4 + 6;
      const double largest = 1 + static_cast<double>(offset);
      const double mean_error = roundings * kEpsilon * largest;
      const double deviation = std::sqrt(1.0 / 3);  // that of U(-1, 1), about the sample's
      // The error of h = (x - mean) / deviation, |h| < 2: the mean's error, twice since the
      // deviation's differences have it too, and the roundings of a sum of squares, a root and two
      // products.
      const double h_error = 2 * 2 * mean_error / deviation + (roundings + 6) * 2 * kEpsilon;

      EXPECT_TRUE(
          all_near(read(*onednn_, got.running.mean), read(exact, want.running.mean), mean_error));
      EXPECT_TRUE(all_near(read(*onednn_, got.running.variance), read(exact, want.running.variance),
                           h_error));
      const auto channel_of = [&](std::size_t i) {
        return i / static_cast<std::size_t>(plane) % static_cast<std::size_t>(channels);
      };
      const auto affine_error = [&](std::size_t i) {
        const double g = std::abs(static_cast<double>(gamma[channel_of(i)]));
        const double b = std::abs(static_cast<double>(beta[channel_of(i)]));
        return g * h_error + 4 * kEpsilon * (2 * g + b);
      };
      EXPECT_TRUE(
          all_near(read(*onednn_, got.forward.y), read(exact, want.forward.y), affine_error));
      // Running statistics are halfway from 0. The deviation is 1 / sqrt(2) as large, so h is at
      // most sqrt(2) * (2 + offset / 2 / deviation).
      EXPECT_TRUE(all_near(
          read(*onednn_, got.evaluated), read(exact, want.evaluated),
          [&](std::size_t i) { return 2 * affine_error(i) * (1 + static_cast<double>(offset)); }));
      // |dv| < 1, so sums of m terms with h have m times h's error, and as many roundings as a
      // mean.
      const double sum_error = m * (h_error + 2 * roundings * kEpsilon);
      EXPECT_TRUE(all_near(read(*onednn_, got.dbeta), read(exact, want.dbeta), sum_error));
      EXPECT_TRUE(all_near(read(*onednn_, got.dgamma), read(exact, want.dgamma), sum_error));
      // dx = gamma / deviation * (dv - (dbeta + h dgamma) / m), |h| < 2: the errors of three sums,
      // that of h, and the relative error of the factor.
      EXPECT_TRUE(all_near(read(*onednn_, got.dx), read(exact, want.dx), [&](std::size_t i) {
        return std::abs(static_cast<double>(gamma[channel_of(i)])) / deviation *
               (3 * sum_error / m + h_error + 5 * h_error);
      }));
    }
  }
}

// The results of batch norm's passes, as plain values.
struct Norm {
  std::vector<float> y, dx, dresidual, dgamma, dbeta;

  friend bool operator==(const Norm&, const Norm&) = default;
};

// ReLU, the residual and a gradient in two terms, inside batch norm's passes or around them.
// Arguments are plain or in blocks, and handed over or held.
TEST_F(OneDnnBackend, WhatIsFusedIntoBatchNormIsWhatStandsAroundIt) {
  Backend& b = *onednn_;
  for (const std::int64_t channels : {5, 16, 24}) {
    const Shape shape{4, channels, 8, 8};
    const Tensor gamma = make(b, {channels}, uniform(channels, 3));
    const Tensor beta = make(b, {channels}, uniform(channels, 4));
    for (const bool in_blocks : {false, true}) {
      for (const bool relu : {false, true}) {
        for (const bool residual : {false, true}) {
          for (const bool two_terms : {false, true}) {
            const auto given = [&](std::uint64_t seed) {
              return in_blocks ? activation(shape, seed).onednn : integers(shape, seed).onednn;
            };
            const Tensor x = given(1);
            const Tensor r = given(2);
            const Tensor dy = given(5);
            const Tensor more = given(6);

            Norm want;
            const Tensor dgamma = b.allocate({channels});
            const Tensor dbeta = b.allocate({channels});
            const auto finish = [&](const Tensor& y, const BatchNormGradients& gradients) {
              Norm norm{.y = read(b, y),
                        .dx = read(b, gradients.dx),
                        .dresidual = {},
                        .dgamma = read(b, dgamma),
                        .dbeta = read(b, dbeta)};
              if (gradients.dresidual) norm.dresidual = read(b, gradients.dresidual);
              b.fill_zero(dgamma);
              b.fill_zero(dbeta);
              return norm;
            };
            {
              const BatchNormForward plain = b.batch_norm_train(x, gamma, beta, {}, {}, {});
              Tensor y = plain.y;
              if (residual) {
                y = given(2);
                b.accumulate(y, plain.y);
              }
              if (relu) y = testing::relu(b, y);
              Tensor gradient = given(5);
              if (two_terms) b.accumulate(gradient, more);
              if (relu) gradient = testing::relu_backward(b, gradient, y);
              want = finish(
                  y, b.batch_norm_backward(gradient, {}, x, gamma, plain, dgamma, dbeta, {}));
              if (residual) want.dresidual = read(b, gradient);
            }
            const BatchNormOptions options{.relu = relu};
            const Tensor none;
            const BatchNormForward fused =
                b.batch_norm_train(x, gamma, beta, {}, residual ? r : none, options);
            const auto text = [&] {
              return std::to_string(channels) + " channels, " +
                     (in_blocks ? "in blocks" : "plain") + (relu ? ", relu" : "") +
                     (residual ? ", residual" : "") + (two_terms ? ", two terms" : "");
            };
            EXPECT_EQ(finish(fused.y, b.batch_norm_backward(dy, two_terms ? more : none, x, gamma,
                                                            fused, dgamma, dbeta, options)),
                      want)
                << text();
            // Nothing that is held has been written to.
            EXPECT_EQ(read(b, x), read(b, given(1))) << text();
            EXPECT_EQ(read(b, r), read(b, given(2))) << text();
            EXPECT_EQ(read(b, dy), read(b, given(5))) << text();
            EXPECT_EQ(read(b, more), read(b, given(6))) << text();
            EXPECT_EQ(read(b, fused.y), want.y) << text();
            // Now handed over.
            EXPECT_EQ(
                finish(fused.y, b.batch_norm_backward(given(5), two_terms ? more : none, given(1),
                                                      gamma, fused, dgamma, dbeta, options)),
                want)
                << text();
          }
        }
      }
    }
  }
}

TEST_F(OneDnnBackend, SeesEveryChangeOfItsWeights) {
  const Tensor flat = onednn_->allocate({40 * 40 + 1});
  // At an odd offset, as a parameter may be, and large enough to get a layout of its own.
  const Tensor w = onednn_->view(flat, 1, {40, 40, 1, 1});
  const Tensor ones = make(*onednn_, flat.shape, std::vector<float>(40 * 40 + 1, 1));
  const Tensor x = make(*onednn_, {1, 40, 1, 1}, std::vector<float>(40, 1));
  const auto y = [&] { return read(*onednn_, onednn_->conv2d(x, w, {})).front(); };
  const auto dx = [&] {
    return read(*onednn_, onednn_->conv2d_backward_data(x, w, x.shape, {})).front();
  };
  const auto expect_weight = [&](float weight) {
    EXPECT_EQ(y(), 40 * weight);
    EXPECT_EQ(dx(), 40 * weight);
  };
  expect_weight(0);
  onednn_->write(w, std::vector<float>(40 * 40, 3));
  expect_weight(3);
  onednn_->write(flat, std::vector<float>(40 * 40 + 1, 5));
  expect_weight(5);
  onednn_->sgd_step(flat, ones, 1, 0);
  expect_weight(4);
  onednn_->accumulate(flat, ones);
  expect_weight(5);
  onednn_->conv2d_backward_weights(x, x, w, Into::add, {});
  expect_weight(6);
  onednn_->fill_zero(flat);
  expect_weight(0);
}

TEST_F(OneDnnBackend, KeepsTensorsThatOutliveIt) {
  std::unique_ptr<Backend> gone = make_onednn_backend();
  gone->enter(1);
  const Tensor x = make(*gone, {1, 8, 2, 2}, small_integers(32, 1));
  Tensor y = gone->conv2d(x, make(*gone, {8, 8, 1, 1}, small_integers(64, 2)), {});
  const std::vector<float> values = read(*gone, y);
  gone.reset();
  EXPECT_EQ(read(*onednn_, y), values);
  y = {};
}

TEST_F(OneDnnBackend, MakesItsPrimitivesAnewForAnotherCountOfThreads) {
  // Threads share most in weight gradients, whose parts are added up at the end.
  const auto gradient_on = [&](Backend& backend) {
    const Tensor dw = backend.allocate({16, 16, 3, 3});
    backend.conv2d_backward_weights(make(backend, {8, 16, 8, 8}, uniform(8 * 16 * 64, 1)),
                                    make(backend, {8, 16, 8, 8}, uniform(8 * 16 * 64, 2)), dw,
                                    Into::add, kSame);
    return read(backend, dw);
  };
  const auto gradient = [&] { return gradient_on(*onednn_); };
  const std::vector<float> with_one = gradient();
  for (const int threads : {2, 8}) {
    onednn_->enter(threads);
    const std::vector<float> with_more = gradient();
    const std::unique_ptr<Backend> never_with_one = make_onednn_backend();
    never_with_one->enter(threads);
    EXPECT_EQ(with_more, gradient_on(*never_with_one)) << threads;
    // 8 * 64 products below 1, added in another order.
    EXPECT_TRUE(all_near(with_more, with_one, 512 * 512 * kEpsilon));
    omp_set_num_threads(1);
    EXPECT_EQ(gradient(), with_more) << threads;
    onednn_->enter(1);
    EXPECT_EQ(gradient(), with_one) << threads;
  }
}

TEST_F(OneDnnBackend, NamesTheProblemThatTheLibraryRefuses) {
  if (!onednn_->version().starts_with("oneDNN 2.")) {
    GTEST_SKIP() << onednn_->version() << " computes with any stride, which 2.6 refuses";
  }
  const Tensor x = onednn_->allocate({1, 1, 1, 1});
  EXPECT_THAT(refusal<BackendError>([&] {
                static_cast<void>(onednn_->conv2d(x, x, {.stride = std::int64_t{1} << 40}));
              }),
              HasSubstr("conv2d n1c1h1w1o1r1s1099511627776p0: oneDNN: "));
  EXPECT_THAT(refusal<BackendError>([&] {
                onednn_->conv2d_backward_weights(x, x, x, Into::add,
                                                 {.stride = std::int64_t{1} << 40});
              }),
              HasSubstr("conv2d_backward_weights n1c1h1w1o1r1s1099511627776p0: oneDNN: "));
}

TEST_F(OneDnnBackend, RefusesWhatIsNotItsOwnNotPlainOrNoCountOfThreads) {
  const Pair x = activation({1, 8, 2, 2}, 1);
  std::vector<float> values(32);
  EXPECT_THAT(refusal<std::invalid_argument>([&] { onednn_->read(x.reference, values); }),
              HasSubstr("1x8x2x2"));
  EXPECT_THAT(refusal<std::invalid_argument>([&] { onednn_->write(x.onednn, values); }),
              HasSubstr("1x8x2x2"));
  EXPECT_THAT(refusal<std::invalid_argument>([&] { onednn_->fill_zero(x.onednn); }),
              HasSubstr("plain"));
  EXPECT_THAT(refusal<std::invalid_argument>([&] { onednn_->enter(0); }), HasSubstr("0"));
}

}  // namespace
}  // namespace mvsgd::nn
