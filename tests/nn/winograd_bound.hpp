// How far a convolution by Winograd's F(4x4, 3x3) may be from the exact one, for tests of the
// backends that have it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "nn/tensor.hpp"

namespace mvsgd::nn::testing {

/// By Toom and Cook: with the points p_k = 0, +-5/8, +-3/2 and infinity
///     y = A^T [(G w G^T) o (B^T x B)] A    in one dimension y_i = sum_k A_ki (G w)_k (B^T x)_k
/// for a tile of six inputs, three taps and four outputs.
struct WinogradTransforms {
  std::array<std::array<double, 4>, 6> a{};
  std::array<std::array<double, 6>, 6> b{};
  std::array<std::array<double, 3>, 6> g{};

  WinogradTransforms() {
    const std::array<double, 5> points{0, 0.625, -0.625, 1.5, -1.5};
    // The coefficients of the product of (x - p_l) over all l but `left_out`.
    const auto product = [&](std::size_t left_out) {
      std::array<double, 6> coefficients{1};
      for (std::size_t l = 0; l < points.size(); ++l) {
        if (l == left_out) continue;
        for (std::size_t degree = 6; degree-- > 0;) {
          coefficients[degree] =
              (degree > 0 ? coefficients[degree - 1] : 0) - points[l] * coefficients[degree];
        }
      }
      return coefficients;
    };
    for (std::size_t k = 0; k < 5; ++k) {
      double n = 1;
      for (std::size_t l = 0; l < 5; ++l) n *= l == k ? 1 : points[k] - points[l];
      for (std::size_t i = 0; i < 4; ++i) a[k][i] = std::pow(points[k], static_cast<double>(i));
      for (std::size_t j = 0; j < 3; ++j) g[k][j] = std::pow(points[k], static_cast<double>(j)) / n;
      b[k] = product(k);
    }
    a[5][3] = 1;
    g[5][2] = 1;
    b[5] = product(5);
  }
};

template <std::size_t N>
double sum_of_sizes(const std::array<double, N>& row) {
  double sum = 0;
  for (const double value : row) sum += std::abs(value);
  return sum;
}

/// The sum of the intermediate values' sizes for one term |x| |w| <= 1 of a result, in two
/// dimensions: the factor of an error relative to them. For a direct sum it is 9.
inline double growth_of_results() {
  const WinogradTransforms t;
  double largest = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < 6; ++k) {
      sum += std::abs(t.a[k][i]) * sum_of_sizes(t.g[k]) * sum_of_sizes(t.b[k]);
    }
    largest = std::max(largest, sum);
  }
  return largest * largest;
}
/// The same for a weight's gradient, whose result is G^T [(A dy A^T) o (B^T x B)] G. A direct sum
/// of a tile has 16 terms.
inline double growth_of_weight_gradients() {
  const WinogradTransforms t;
  double largest = 0;
  for (std::size_t j = 0; j < 3; ++j) {
    double sum = 0;
    for (std::size_t k = 0; k < 6; ++k) {
      sum += std::abs(t.g[k][j]) * sum_of_sizes(t.a[k]) * sum_of_sizes(t.b[k]);
    }
    largest = std::max(largest, sum);
  }
  return largest * largest;
}

/// The number of tiles of images [N, C, H, W].
inline std::int64_t winograd_tiles(const Shape& x) {
  return x[0] * ((x[2] + 3) / 4) * ((x[3] + 3) / 4);
}

/// The bound for |arguments| <= 1 and sums of `terms` products, over channels or tiles.
inline double winograd_bound(std::int64_t terms, double growth) {
  // Roundings on the way of a term other than in its sum over channels or tiles. In each of two
  // dimensions each of three transforms has a coefficient's product, at most six additions, and a
  // coefficient that is itself rounded. Then comes the product.
  constexpr double kRoundings = 2 * 3 * (6 + 1 + 1) + 1;
  constexpr double kEpsilon = 0x1p-24;
  const auto count = static_cast<double>(terms);
  return (count + kRoundings) * kEpsilon * count * growth;
}

}  // namespace mvsgd::nn::testing
