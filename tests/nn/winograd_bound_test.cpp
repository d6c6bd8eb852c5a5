#include "tests/nn/winograd_bound.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>

namespace mvsgd::nn::testing {
namespace {

TEST(WinogradBound, IsMadeOfTransformsThatAreAConvolution) {
  const WinogradTransforms t;
  const std::array<double, 6> x{1, -2, 3, 5, -7, 11};
  const std::array<double, 3> w{2, -3, 1};
  for (std::size_t i = 0; i < 4; ++i) {
    double y = 0;
    for (std::size_t k = 0; k < 6; ++k) {
      double transformed_w = 0;
      double transformed_x = 0;
      for (std::size_t j = 0; j < 3; ++j) transformed_w += t.g[k][j] * w[j];
      for (std::size_t j = 0; j < 6; ++j) transformed_x += t.b[k][j] * x[j];
      y += t.a[k][i] * transformed_w * transformed_x;
    }
    EXPECT_NEAR(y, x[i] * w[0] + x[i + 1] * w[1] + x[i + 2] * w[2], 1e-12);
  }
}

}  // namespace
}  // namespace mvsgd::nn::testing
