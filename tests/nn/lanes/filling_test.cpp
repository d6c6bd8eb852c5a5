// A batch that is no multiple of 16 leaves places for images in its last vectors. These places
// affect no result.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "nn/lanes/make_lanes.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using testing::make;
using testing::read;
using testing::uniform;

struct FillingCase {
  std::int64_t images;
  bool bf16 = false;
  ConvolutionChoice convolution = ConvolutionChoice::winograd;
};

class LanesFilling : public ::testing::TestWithParam<FillingCase> {
 protected:
  LanesFilling() { lanes_->enter(1); }

  [[nodiscard]] Tensor activation(std::uint64_t seed) const {
    return make(*lanes_, shape_, uniform(elements(shape_), seed));
  }
  [[nodiscard]] Tensor channels(std::uint64_t seed) const {
    return make(*lanes_, {kChannels}, uniform(kChannels, seed));
  }

  // A weight gradient sums over the images of `tested` with itself. So anything in the places
  // without an image would show, compared with the same sum for a copy whose filling is made anew.
  void expect_none(const Tensor& tested) const {
    const auto sums = [&](const Tensor& x) {
      const Tensor dw = lanes_->allocate({x.shape[1], x.shape[1], 1, 1});
      lanes_->conv2d_backward_weights(x, x, dw, Into::overwrite, {});
      return read(*lanes_, dw);
    };
    const std::vector<float> got = sums(tested);
    const std::vector<float> want = sums(make(*lanes_, tested.shape, read(*lanes_, tested)));
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i])))
          << got[i] << ", not " << want[i];
    }
  }

  static constexpr std::int64_t kChannels = 5;
  const std::unique_ptr<Backend> lanes_ =
      make_lanes_backend({.convolution = GetParam().convolution, .bf16 = GetParam().bf16});
  const Shape shape_{GetParam().images, kChannels, 3, 5};
  const Tensor none_;
};

INSTANTIATE_TEST_SUITE_P(Batches, LanesFilling,
                         ::testing::Values(FillingCase{1}, FillingCase{16}, FillingCase{17},
                                           FillingCase{19}, FillingCase{1, true},
                                           FillingCase{16, true}, FillingCase{19, true},
                                           FillingCase{19, true, ConvolutionChoice::direct}),
                         [](const auto& tested) {
                           return "n" + std::to_string(tested.param.images) +
                                  (tested.param.bf16 ? "bf16" : "") +
                                  (tested.param.convolution == ConvolutionChoice::direct ? "direct"
                                                                                         : "");
                         });

TEST_P(LanesFilling, OfConvolutionsIsNothing) {
  for (const std::int64_t kernel : {1, 3}) {
    const Conv2dOptions options{.stride = 1, .padding = kernel / 2};
    const Shape taps{kChannels, kChannels, kernel, kernel};
    const Tensor w = make(*lanes_, taps, uniform(elements(taps), 2));
    expect_none(lanes_->conv2d(activation(1), w, options));
    expect_none(lanes_->conv2d_backward_data(activation(1), w, shape_, options));
  }
}

// Zero times infinity is not a number.
TEST_P(LanesFilling, OfConvolutionsWithInfiniteWeightsIsNothing) {
  const std::vector<float> ones(static_cast<std::size_t>(elements(shape_)), 1);
  const Tensor x = make(*lanes_, shape_, ones);
  const Tensor w =
      make(*lanes_, {kChannels, kChannels, 1, 1},
           std::vector<float>(kChannels * kChannels, std::numeric_limits<float>::infinity()));
  const Tensor y = lanes_->conv2d(x, w, {});
  EXPECT_EQ(read(*lanes_, y).back(), std::numeric_limits<float>::infinity());
  expect_none(y);
  expect_none(lanes_->conv2d_backward_data(x, w, shape_, {}));
}

TEST_P(LanesFilling, OfBatchNormIsNothing) {
  const Tensor gamma = channels(3);
  const Tensor beta = channels(4);
  const RunningStatistics running{.mean = channels(5),
                                  .variance = make(*lanes_, {kChannels}, {0.5F, 1, 2, 3, 4})};
  for (const bool relu : {false, true}) {
    for (const bool residual : {false, true}) {
      for (const bool more : {false, true}) {
        const BatchNormOptions options{.relu = relu};
        const Tensor term = residual ? activation(2) : none_;
        const BatchNormForward forward =
            lanes_->batch_norm_train(activation(1), gamma, beta, {}, term, options);
        expect_none(forward.y);
        expect_none(
            lanes_->batch_norm_evaluate(activation(1), gamma, beta, running, term, options));
        const BatchNormGradients gradients = lanes_->batch_norm_backward(
            activation(6), more ? activation(7) : none_, activation(1), gamma, forward,
            lanes_->allocate({kChannels}), lanes_->allocate({kChannels}), options);
        expect_none(gradients.dx);
        if (residual) expect_none(gradients.dresidual);
      }
    }
  }
}

TEST_P(LanesFilling, OfPoolsAndSumsIsNothing) {
  const Tensor w = make(*lanes_, {kChannels, kChannels, 1, 1}, uniform(kChannels * kChannels, 2));
  const Tensor x = lanes_->conv2d(activation(1), w, {});
  const Tensor dy = make(*lanes_, {shape_[0], kChannels}, uniform(shape_[0] * kChannels, 3));
  expect_none(lanes_->global_average_pool_backward(dy, x));
  lanes_->accumulate(x, activation(4));
  expect_none(x);
}

// Reading gives the images alone, and writes nothing beyond them.
TEST_P(LanesFilling, IsNotReadBack) {
  const Tensor w = make(*lanes_, {1, 1, 1, 1}, {2});
  const Shape shape{GetParam().images, 1, 2, 1};
  const std::vector<float> x = testing::small_integers(elements(shape), 1);
  const Tensor y = lanes_->conv2d(make(*lanes_, shape, x), w, {});
  std::vector<float> got(x.size() + 3, 7);
  lanes_->read(y, {got.data(), x.size()});
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i], i < x.size() ? 2 * x[i] : 7) << i;
  }
  const std::vector<float> means = read(*lanes_, lanes_->global_average_pool(y));
  for (std::size_t n = 0; n < means.size(); ++n) {
    EXPECT_EQ(means[n], (2 * x[2 * n] + 2 * x[2 * n + 1]) / 2) << n;
  }
}

}  // namespace
}  // namespace mvsgd::nn
