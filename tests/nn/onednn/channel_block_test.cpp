#include "nn/onednn/channel_block.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nn/buffer_pool.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn::kernels {
namespace {

using testing::small_integers;
using testing::uniform;

constexpr double kEpsilon = 0x1p-24;

// Every blocked layout, with planes that are and are not multiples of a register's floats.
class ChannelBlocks : public ::testing::TestWithParam<ChannelBlock> {
 protected:
  [[nodiscard]] std::int64_t floats() const { return block_.images * block_.image_stride; }

  // Values in memory aligned like the pool's.
  [[nodiscard]] std::shared_ptr<float> aligned(const std::vector<float>& values) const {
    std::shared_ptr<float> x = pool_->take(static_cast<std::int64_t>(values.size()));
    std::copy(values.begin(), values.end(), x.get());
    return x;
  }

  // Calls f(lane, index of the element) for every element of the block.
  template <typename F>
  void for_each(F f) const {
    for (std::int64_t n = 0; n < block_.images; ++n) {
      for (std::int64_t e = 0; e < block_.plane * block_.lanes; ++e) {
        f(static_cast<std::size_t>(e % block_.lanes),
          static_cast<std::size_t>(n * block_.image_stride + e));
      }
    }
  }

  const ChannelBlock block_ = GetParam();
  const std::shared_ptr<BufferPool> pool_ = BufferPool::make();
  const std::vector<float> mean_ = small_integers(block_.lanes, 1);
  const std::vector<float> scale_ = small_integers(block_.lanes, 2);
  const std::vector<float> shift_ = small_integers(block_.lanes, 3);
};

// There are two blocks an image, so the images of one are not adjacent.
ChannelBlock block_of(int lanes, std::int64_t images, std::int64_t plane) {
  return {.lanes = lanes, .images = images, .plane = plane, .image_stride = 2 * plane * lanes};
}

INSTANTIATE_TEST_SUITE_P(Layouts, ChannelBlocks,
                         ::testing::Values(block_of(8, 3, 16), block_of(8, 2, 7), block_of(8, 1, 1),
                                           block_of(8, 4, 1024), block_of(16, 3, 16),
                                           block_of(16, 2, 7), block_of(16, 1, 1)),
                         [](const auto& tested) {
                           return "lanes" + std::to_string(tested.param.lanes) + "images" +
                                  std::to_string(tested.param.images) + "plane" +
                                  std::to_string(tested.param.plane);
                         });

TEST_P(ChannelBlocks, HaveTheMomentsOfTheirLanes) {
  // Far from zero, where E[x^2] - E[x]^2 would have nothing left.
  std::vector<float> x = uniform(floats(), 4);
  for (float& value : x) value += 1000;
  std::vector<double> means(static_cast<std::size_t>(block_.lanes));
  std::vector<double> squares(means.size());
  moments(block_, aligned(x).get(), means.data(), squares.data());

  const auto m = static_cast<double>(block_.images * block_.plane);
  std::vector<double> want_means(means.size());
  std::vector<double> want_squares(means.size());
  for_each([&](std::size_t lane, std::size_t i) { want_means[lane] += double{x[i]} / m; });
  for_each([&](std::size_t lane, std::size_t i) {
    const double difference = double{x[i]} - want_means[lane];
    want_squares[lane] += difference * difference;
  });
  // A chunk of at most 64 elements is summed in four chains, so an element passes 64 / 4 + 2
  // additions. Then come a division, and joins in double. Each of a chunk's differences is off by
  // the error of its mean. The sum of squares is off by the square of that and by its own
  // roundings: first-order terms vanish, since differences from the mean sum to zero, except for
  // the rounding of the differences.
  const double roundings = static_cast<double>(std::min<std::int64_t>(block_.plane, 64)) / 4 + 4;
  const double mean_error = roundings * kEpsilon * 1001;
  for (std::size_t lane = 0; lane < means.size(); ++lane) {
    EXPECT_NEAR(means[lane], want_means[lane], mean_error);
    EXPECT_NEAR(squares[lane], want_squares[lane],
                m * (mean_error * mean_error + 2 * 2 * kEpsilon * mean_error) +
                    2 * mean_error * std::sqrt(m * want_squares[lane]) / std::sqrt(m) +
                    (roundings + 3) * kEpsilon * want_squares[lane]);
  }
}

TEST_P(ChannelBlocks, ApplyAndRectifySmallIntegersExactly) {
  const std::vector<float> x = small_integers(floats(), 4);
  const auto from = aligned(x);
  for (const bool relu : {false, true}) {
    // 7 where nothing may be written, in the images' other blocks.
    const auto y = aligned(std::vector<float>(x.size(), 7));
    apply(block_,
          {.mean = mean_.data(), .scale = scale_.data(), .shift = shift_.data(), .relu = relu},
          from.get(), nullptr, y.get());
    std::vector<float> want(x.size(), 7);
    for_each([&](std::size_t lane, std::size_t i) {
      const float value = (x[i] - mean_[lane]) * scale_[lane] + shift_[lane];
      want[i] = relu ? std::max(0.0F, value) : value;
    });
    EXPECT_EQ(std::vector<float>(y.get(), y.get() + x.size()), want);
  }
}

TEST_P(ChannelBlocks, AddTheResidualBeforeTheyRectify) {
  const std::vector<float> x = small_integers(floats(), 4);
  const std::vector<float> residual = small_integers(floats(), 9);
  const auto from = aligned(x);
  const auto term = aligned(residual);
  for (const bool relu : {false, true}) {
    const auto y = aligned(std::vector<float>(x.size(), 7));
    apply(block_,
          {.mean = mean_.data(), .scale = scale_.data(), .shift = shift_.data(), .relu = relu},
          from.get(), term.get(), y.get());
    std::vector<float> want(x.size(), 7);
    for_each([&](std::size_t lane, std::size_t i) {
      const float value = (x[i] - mean_[lane]) * scale_[lane] + shift_[lane] + residual[i];
      want[i] = relu ? std::max(0.0F, value) : value;
    });
    EXPECT_EQ(std::vector<float>(y.get(), y.get() + x.size()), want);
  }
}

TEST_P(ChannelBlocks, SumAndKeepWhatALaterReluLetThroughExactly) {
  const std::vector<float> x = small_integers(floats(), 4);
  const std::vector<float> y = small_integers(floats(), 10);
  const std::vector<float> dy = small_integers(floats(), 5);
  const std::vector<float> more = small_integers(floats(), 11);
  const auto from = aligned(x);
  const auto value = aligned(y);
  const auto added = aligned(more);
  for (const bool two_terms : {false, true}) {
    for (const bool in_place : {false, true}) {
      const auto terms = aligned(dy);
      const auto dv = in_place ? terms : aligned(std::vector<float>(x.size(), 7));
      std::vector<double> sums(mean_.size());
      std::vector<double> products(mean_.size());
      residual_gradient_sums(block_, mean_.data(), from.get(), value.get(), terms.get(),
                             two_terms ? added.get() : nullptr, dv.get(), sums.data(),
                             products.data());
      std::vector<double> want_sums(sums.size());
      std::vector<double> want_products(sums.size());
      std::vector<float> want = in_place ? dy : std::vector<float>(x.size(), 7);
      for_each([&](std::size_t lane, std::size_t i) {
        want[i] = y[i] <= 0 ? 0 : dy[i] + (two_terms ? more[i] : 0);
        want_sums[lane] += double{want[i]};
        want_products[lane] += double{want[i] * (x[i] - mean_[lane])};
      });
      EXPECT_EQ(sums, want_sums);
      EXPECT_EQ(products, want_products);
      EXPECT_EQ(std::vector<float>(dv.get(), dv.get() + x.size()), want);
    }
  }
}

TEST_P(ChannelBlocks, SumAndCarryBackGradientsOfSmallIntegersExactly) {
  const std::vector<float> x = small_integers(floats(), 4);
  const std::vector<float> dy = small_integers(floats(), 5);
  const std::vector<float> factor = small_integers(block_.lanes, 6);
  const std::vector<float> constant = small_integers(block_.lanes, 7);
  const std::vector<float> slope = small_integers(block_.lanes, 8);
  const auto from = aligned(x);
  const auto terms = aligned(dy);
  for (const bool relu : {false, true}) {
    const Affine affine{
        .mean = mean_.data(), .scale = scale_.data(), .shift = shift_.data(), .relu = relu};
    std::vector<double> sums(mean_.size());
    std::vector<double> products(mean_.size());
    gradient_sums(block_, affine, from.get(), terms.get(), sums.data(), products.data());
    const auto dx = aligned(std::vector<float>(x.size(), 7));
    input_gradient(block_, affine,
                   {.factor = factor.data(), .constant = constant.data(), .slope = slope.data()},
                   from.get(), terms.get(), dx.get());

    std::vector<double> want_sums(sums.size());
    std::vector<double> want_products(sums.size());
    std::vector<float> want(x.size(), 7);
    for_each([&](std::size_t lane, std::size_t i) {
      const float difference = x[i] - mean_[lane];
      const float dv = relu && difference * scale_[lane] + shift_[lane] <= 0 ? 0 : dy[i];
      want_sums[lane] += double{dv};
      want_products[lane] += double{dv * difference};
      want[i] = factor[lane] * dv - constant[lane] - slope[lane] * difference;
    });
    EXPECT_EQ(sums, want_sums);
    EXPECT_EQ(products, want_products);
    EXPECT_EQ(std::vector<float>(dx.get(), dx.get() + x.size()), want);

    // dx may take the place of x or dy; what is between the images stays.
    for (const std::vector<float>* replaced : {&x, &dy}) {
      const auto again = aligned(x);
      const auto again_terms = aligned(dy);
      const auto to = replaced == &x ? again : again_terms;
      input_gradient(block_, affine,
                     {.factor = factor.data(), .constant = constant.data(), .slope = slope.data()},
                     again.get(), again_terms.get(), to.get());
      std::vector<float> in_place = *replaced;
      for_each([&](std::size_t /*lane*/, std::size_t i) { in_place[i] = want[i]; });
      EXPECT_EQ(std::vector<float>(to.get(), to.get() + x.size()), in_place);
    }
  }
}

TEST(ChannelBlock, LetsANotANumberThrough) {
  const std::shared_ptr<BufferPool> pool = BufferPool::make();
  const std::shared_ptr<float> x = pool->take(8);
  const std::shared_ptr<float> y = pool->take(8);
  const std::shared_ptr<float> dy = pool->take(8);
  std::fill_n(x.get(), 8, std::numeric_limits<float>::quiet_NaN());
  std::fill_n(dy.get(), 8, 1.0F);
  const std::vector<float> ones(8, 1);
  const ChannelBlock block = block_of(8, 1, 1);
  const Affine affine{
      .mean = ones.data(), .scale = ones.data(), .shift = ones.data(), .relu = true};
  apply(block, affine, x.get(), nullptr, y.get());
  EXPECT_TRUE(std::isnan(y.get()[0]));
  std::vector<double> sums(8);
  std::vector<double> products(8);
  gradient_sums(block, affine, x.get(), dy.get(), sums.data(), products.data());
  EXPECT_EQ(sums[0], 1);
  EXPECT_TRUE(std::isnan(products[0]));
  residual_gradient_sums(block, ones.data(), x.get(), y.get(), dy.get(), nullptr, dy.get(),
                         sums.data(), products.data());
  EXPECT_EQ(sums[0], 1);
}

TEST_P(ChannelBlocks, SumTheirPlanesExactly) {
  const std::vector<float> x = small_integers(block_.plane * block_.lanes, 4);
  std::vector<float> sums(mean_.size());
  plane_sum(block_.lanes, block_.plane, aligned(x).get(), sums.data());
  std::vector<float> want(sums.size());
  for (std::size_t i = 0; i < x.size(); ++i) want[i % want.size()] += x[i];
  EXPECT_EQ(sums, want);
}

}  // namespace
}  // namespace mvsgd::nn::kernels
