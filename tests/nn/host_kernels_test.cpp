#include "nn/host_kernels.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/nn/values.hpp"

namespace mvsgd::nn::kernels {
namespace {

using testing::small_integers;

TEST(Kernels, LetANotANumberThrough) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{nan, -1, 2};
  std::vector<float> y(3, 1.0F);
  add(y.data(), x.data(), 3);
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], 0);
  EXPECT_EQ(y[2], 3);
  std::vector<float> theta(3, 1.0F);
  sgd_step(theta.data(), x.data(), 3, 1, 0);
  EXPECT_TRUE(std::isnan(theta[0]));
  EXPECT_EQ(theta[1], 2);
}

TEST(Kernels, MultiplyMatricesOfAnyWidth) {
  for (const std::int64_t inner : {1, 7, 8, 19}) {
    const std::vector<float> x = small_integers(2 * inner, 1);
    const std::vector<float> w = small_integers(3 * inner, 2);
    const std::vector<float> b{1, -2, 3};
    std::vector<float> y(6);
    linear(2, inner, 3, x.data(), w.data(), b.data(), y.data());
    for (std::size_t n = 0; n < 2; ++n) {
      for (std::size_t o = 0; o < 3; ++o) {
        float want = b[o];
        for (std::size_t c = 0; c < static_cast<std::size_t>(inner); ++c) {
          want += x[n * static_cast<std::size_t>(inner) + c] *
                  w[o * static_cast<std::size_t>(inner) + c];
        }
        EXPECT_EQ(y[n * 3 + o], want) << inner;
      }
    }
  }
}

TEST(Kernels, CrossEntropyIsADoubleOfFloatLogits) {
  std::vector<float> z = testing::uniform(10, 3);
  for (float& value : z) value *= 5;
  double sum = 0;
  for (const float value : z) sum += std::exp(static_cast<double>(value));
  for (std::size_t label = 0; label < z.size(); ++label) {
    std::vector<float> dz(z.size());
    const double want = std::log(sum) - static_cast<double>(z[label]);
    // Ten powers and their sum, the logarithm and the difference: some roundings of 2^-53.
    EXPECT_NEAR(cross_entropy(z, label, 7, dz.data()), want, 32 * 0x1p-53 * (1 + want)) << label;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double share = std::exp(static_cast<double>(z[i])) / sum - (i == label ? 1 : 0);
      EXPECT_NEAR(dz[i], share / 7, 0x1p-24 * std::abs(share) / 7 + 1e-14) << label << ", " << i;
    }
  }
}

}  // namespace
}  // namespace mvsgd::nn::kernels
