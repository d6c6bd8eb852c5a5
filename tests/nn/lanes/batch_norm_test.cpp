// Batch norm on batches that are no multiple of 16, compared with the reference in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "nn/lanes/make_lanes.hpp"
#include "nn/reference/reference_backend.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using testing::all_near;
using testing::make;
using testing::uniform;
using Values = std::vector<float>;
using Exact = std::vector<double>;

constexpr double kEpsilon = 0x1p-24;  // the largest relative error of one float32 rounding

// The exact values of one channel of a case, and how far float32 may be from them. Errors are of
// first order: second-order terms are less than the roundings that are counted too many.
struct Channel {
  double m = 0;           // numbers
  double largest = 0;     // |x|
  double deviation = 0;   // with epsilon
  double h = 0;           // largest |x - mean| / deviation
  double gamma = 0;       // |gamma|
  double offset = 0;      // |beta| + largest |residual|
  double dv = 0;          // largest |dv|
  double mean_of_dv = 0;  // of |dv|
  double chunk = 0;       // the most pixels of an image that are summed in float

  // A number passes chunk - 1 additions and a division. Chunks and images join in double.
  [[nodiscard]] double part_mean_error() const { return chunk * kEpsilon * largest; }
  // The mean is also rounded to float.
  [[nodiscard]] double mean_error() const { return part_mean_error() + kEpsilon * largest; }
  // The relative error of the variance. Within a chunk there is a difference's rounding, counted
  // twice since it is squared, and a chain of fused multiply-adds. An error e of the chunk's mean
  // adds e^2, since the differences from the true mean sum to zero. Between chunks there are
  // squares of differences of means, each e off, weighted by their counts; the mean of their sizes
  // is at most the deviation.
  [[nodiscard]] double variance_error() const {
    const double e = part_mean_error() / deviation;
    return (chunk + 2) * kEpsilon + 2 * e + 2 * e * e;
  }
  // The relative error of 1 / deviation as a float.
  [[nodiscard]] double inverse_error() const { return variance_error() / 2 + kEpsilon; }
  // The relative error of gamma / deviation.
  [[nodiscard]] double scale_error() const { return inverse_error() + kEpsilon; }
  // The error of fma(x - mean, scale, beta) + residual: the mean's error, the difference's
  // rounding, the scale's error, and a rounding of each sum.
  [[nodiscard]] double y_error() const {
    return gamma * (mean_error() / deviation + h * (scale_error() + kEpsilon)) +
           2 * kEpsilon * (gamma * h + offset);
  }

  // For sums over the channel divided by m. A term passes the additions of its chunk; dv itself is
  // rounded if it has two terms.
  [[nodiscard]] double roundings() const { return chunk + 1; }
  [[nodiscard]] double dv_sum_error() const { return roundings() * kEpsilon * mean_of_dv; }
  // The error of sums of dv h, taken as sums of dv (x - mean): also the mean's error, the
  // difference's rounding and that of the factor.
  [[nodiscard]] double dv_h_sum_error() const {
    return mean_of_dv * (mean_error() / deviation + (roundings() + 1) * kEpsilon * h +
                         h * (inverse_error() + kEpsilon));
  }
  [[nodiscard]] double dbeta_error() const { return m * (dv_sum_error() + kEpsilon * mean_of_dv); }
  [[nodiscard]] double dgamma_error() const {
    return m * (dv_h_sum_error() + kEpsilon * mean_of_dv * h);
  }
  // The error of gamma / deviation * (dv - dbeta / m - h dgamma / m): the three terms with the
  // errors and roundings of their factors (dv's own, and one for each product), and two
  // subtractions.
  [[nodiscard]] double dx_error() const {
    const double first = dv * (scale_error() + 2 * kEpsilon);
    const double second = dv_sum_error() + mean_of_dv * (scale_error() + kEpsilon);
    const double third =
        h * dv_h_sum_error() +
        mean_of_dv * h *
            (mean_error() / deviation + h * (scale_error() + inverse_error() + 3 * kEpsilon));
    return gamma / deviation *
           (first + second + third + 2 * kEpsilon * (dv + mean_of_dv * (1 + h * h)));
  }
};

// The results of batch norm's passes.
struct Norm {
  Tensor y, mean, variance, evaluated, dx, dresidual, dgamma, dbeta;
};

// N images, with planes of one chunk and of several, ReLU, a residual, a second gradient.
using Case = std::tuple<std::int64_t, std::int64_t, bool, bool, bool>;

class LanesBatchNorm : public ::testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] Norm compute(Backend& b) const {
    const auto given = [&](const Values& values) {
      return values.empty() ? Tensor{} : make(b, shape_, values);
    };
    const auto of_channels = [&](const Values& values) { return make(b, {kChannels}, values); };
    const Tensor gamma = of_channels(gamma_);
    const Tensor beta = of_channels(beta_);
    const RunningStatistics running{.mean = of_channels(means_), .variance = of_channels(vars_)};
    Norm norm;
    norm.evaluated =
        b.batch_norm_evaluate(given(x_), gamma, beta, running, given(residual_), options_);
    const BatchNormForward forward =
        b.batch_norm_train(given(x_), gamma, beta, running, given(residual_), options_);
    norm.y = forward.y;
    norm.mean = running.mean;
    norm.variance = running.variance;
    norm.dgamma = b.allocate({kChannels});
    norm.dbeta = b.allocate({kChannels});
    const BatchNormGradients gradients = b.batch_norm_backward(
        given(dy_), given(more_), given(x_), gamma, forward, norm.dgamma, norm.dbeta, options_);
    norm.dx = gradients.dx;
    norm.dresidual = gradients.dresidual;
    return norm;
  }

  [[nodiscard]] std::size_t channel_of(std::size_t i) const {
    return i / plane_ % static_cast<std::size_t>(kChannels);
  }
  [[nodiscard]] double residual(std::size_t i) const {
    return residual_.empty() ? 0 : double{residual_[i]};
  }

  // Computes by the definition, in double. z is y before ReLU.
  [[nodiscard]] std::vector<Channel> measure(Exact& z) const {
    std::vector<Channel> channels(kChannels);
    Exact means(kChannels);
    for (std::size_t i = 0; i < x_.size(); ++i) means[channel_of(i)] += double{x_[i]} / m_;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      channels[channel_of(i)].deviation += std::pow(double{x_[i]} - means[channel_of(i)], 2) / m_;
    }
    for (std::size_t c = 0; c < channels.size(); ++c) {
      Channel& channel = channels[c];
      channel.m = m_;
      channel.deviation = std::sqrt(channel.deviation + double{options_.epsilon});
      channel.gamma = std::abs(double{gamma_[c]});
      channel.chunk = static_cast<double>(std::min<std::size_t>(plane_, 64));
    }
    z.resize(x_.size());
    for (std::size_t i = 0; i < x_.size(); ++i) {
      const std::size_t c = channel_of(i);
      Channel& channel = channels[c];
      const double h = (double{x_[i]} - means[c]) / channel.deviation;
      z[i] = double{gamma_[c]} * h + double{beta_[c]} + residual(i);
      double dv = double{dy_[i]};
      if (!more_.empty()) dv += double{more_[i]};
      if (options_.relu && z[i] <= 0) dv = 0;
      channel.largest = std::max(channel.largest, std::abs(double{x_[i]}));
      channel.h = std::max(channel.h, std::abs(h));
      channel.offset = std::max(channel.offset, std::abs(double{beta_[c]}) + std::abs(residual(i)));
      channel.dv = std::max(channel.dv, std::abs(dv));
      channel.mean_of_dv += std::abs(dv) / m_;
    }
    return channels;
  }

  static constexpr std::int64_t kChannels = 5;
  const Shape shape_{std::get<0>(GetParam()), kChannels, std::get<1>(GetParam()), 9};
  const std::size_t plane_ = static_cast<std::size_t>(shape_[2] * shape_[3]);
  const double m_ = static_cast<double>(shape_[0]) * static_cast<double>(plane_);
  const BatchNormOptions options_{.momentum = 0.25F, .relu = std::get<2>(GetParam())};
  const Values x_ = uniform(elements(shape_), 1);
  const Values residual_ = std::get<3>(GetParam()) ? uniform(elements(shape_), 2) : Values();
  const Values dy_ = uniform(elements(shape_), 3);
  const Values more_ = std::get<4>(GetParam()) ? uniform(elements(shape_), 4) : Values();
  const Values gamma_ = uniform(kChannels, 5);
  const Values beta_ = uniform(kChannels, 6);
  const Values means_ = uniform(kChannels, 7);
  const Values vars_{0.25F, 0.5F, 1, 2, 4};
};

std::string case_name(const ::testing::TestParamInfo<Case>& tested) {
  const auto& [images, height, relu, residual, more] = tested.param;
  return "n" + std::to_string(images) + "h" + std::to_string(height) + (relu ? "relu" : "") +
         (residual ? "residual" : "") + (more ? "more" : "");
}

INSTANTIATE_TEST_SUITE_P(Cases, LanesBatchNorm,
                         ::testing::Combine(::testing::Values(1, 16, 17, 19),
                                            ::testing::Values(1, 15), ::testing::Bool(),
                                            ::testing::Bool(), ::testing::Bool()),
                         case_name);

TEST_P(LanesBatchNorm, IsWithinItsBoundOfTheReferenceInDouble) {
  ReferenceBackend<double> exact;
  const std::unique_ptr<Backend> lanes = make_lanes_backend();
  lanes->enter(1);
  Exact z;
  const std::vector<Channel> channels = measure(z);
  if (options_.relu) {
    for (std::size_t i = 0; i < z.size(); ++i) {
      ASSERT_GT(std::abs(z[i]), channels[channel_of(i)].y_error())
          << "so near to zero that rounding decides what ReLU lets through: another seed";
    }
  }
  const Norm got = compute(*lanes);
  const Norm want = compute(exact);
  const auto expect_near = [&](const Tensor& tested, const Tensor& with, const auto& bound) {
    const std::span<double> values = ReferenceBackend<double>::values(with);
    EXPECT_TRUE(
        all_near(testing::read(*lanes, tested), Exact(values.begin(), values.end()), bound));
  };

  expect_near(got.y, want.y, [&](std::size_t i) { return channels[channel_of(i)].y_error(); });
  // The new share, and the result's rounding.
  expect_near(got.mean, want.mean, [&](std::size_t c) {
    return double{options_.momentum} * channels[c].part_mean_error() + kEpsilon;
  });
  expect_near(got.variance, want.variance, [&](std::size_t c) {
    const double unbiased = std::pow(channels[c].deviation, 2) * m_ / (m_ - 1);
    return double{options_.momentum} * unbiased * channels[c].variance_error() +
           kEpsilon * (double{vars_[c]} + unbiased);
  });
  // With given statistics, the scale, the difference and two sums are rounded.
  expect_near(got.evaluated, want.evaluated, [&](std::size_t i) {
    const std::size_t c = channel_of(i);
    const double product = channels[c].gamma * std::abs(double{x_[i]} - double{means_[c]}) /
                           std::sqrt(double{vars_[c]});
    return kEpsilon * (2 * product + 2 * (product + channels[c].offset));
  });
  expect_near(got.dbeta, want.dbeta, [&](std::size_t c) { return channels[c].dbeta_error(); });
  expect_near(got.dgamma, want.dgamma, [&](std::size_t c) { return channels[c].dgamma_error(); });
  expect_near(got.dx, want.dx, [&](std::size_t i) { return channels[channel_of(i)].dx_error(); });
  ASSERT_EQ(static_cast<bool>(got.dresidual), !residual_.empty());
  if (!residual_.empty()) {
    expect_near(got.dresidual, want.dresidual, [&](std::size_t i) {
      return more_.empty() ? 0 : kEpsilon * channels[channel_of(i)].dv;
    });
  }
}

// Numbers far from zero, where E[x^2] - E[x]^2 would have nothing left.
TEST(LanesMoments, AreThoseOfTheDifferencesFromTheMean) {
  const std::unique_ptr<Backend> lanes = make_lanes_backend();
  lanes->enter(1);
  ReferenceBackend<double> exact;
  const Shape shape{19, 1, 12, 11};
  Values x = uniform(elements(shape), 1);
  for (float& value : x) value += 1000;
  const auto statistics = [&](Backend& b) {
    const RunningStatistics running{.mean = b.allocate({1}), .variance = b.allocate({1})};
    const Tensor one = make(b, {1}, {1});
    static_cast<void>(
        b.batch_norm_train(make(b, shape, x), one, one, running, {}, {.momentum = 1}));
    return std::vector{testing::read(b, running.mean)[0], testing::read(b, running.variance)[0]};
  };
  const Channel channel{.largest = 1001, .deviation = std::sqrt(1.0 / 3), .chunk = 64};
  const std::vector<float> got = statistics(*lanes);
  const std::vector<float> want = statistics(exact);
  EXPECT_NEAR(got[0], want[0], channel.mean_error() + kEpsilon * 1001);
  EXPECT_NEAR(got[1], want[1], channel.variance_error() / 3 + 2 * kEpsilon);
}

}  // namespace
}  // namespace mvsgd::nn
