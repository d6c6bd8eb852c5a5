// Sets as long as the paper's, alike everywhere and not.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <vector>

#include "compress/select/index.hpp"

namespace mvsgd::compress {

inline constexpr std::uint64_t kResNet18 = 11173962;

/// log2 C(d, k).
inline double entropy(double d, double k) {
  return (std::lgamma(d + 1) - std::lgamma(k + 1) - std::lgamma(d - k + 1)) / std::numbers::ln2;
}

/// k of d coordinates, each set as likely (selection sampling).
inline std::vector<Index> uniform_support(std::uint64_t d, std::uint64_t k) {
  std::mt19937_64 random(1);
  std::vector<Index> support;
  for (std::uint64_t i = 0; i < d; ++i) {
    if (random() % (d - i) < k - support.size()) support.push_back(static_cast<Index>(i));
  }
  return support;
}

/// 40 layers of as many coordinates, whose densities differ by up to 30, in no order; k expected.
inline std::vector<Index> layered_support(std::uint64_t d, double k) {
  constexpr std::uint64_t kLayers = 40;
  std::mt19937_64 random(2);
  const auto density = [](std::uint64_t layer) {
    return std::pow(30.0, static_cast<double>(7 * layer % kLayers) / (kLayers - 1));
  };
  double sum = 0;
  for (std::uint64_t layer = 0; layer < kLayers; ++layer) sum += density(layer);
  std::vector<Index> support;
  for (std::uint64_t layer = 0; layer < kLayers; ++layer) {
    const double share = k * kLayers / static_cast<double>(d) * density(layer) / sum;
    const auto below = static_cast<std::uint64_t>(std::ldexp(share, 64));
    for (std::uint64_t i = d * layer / kLayers; i < d * (layer + 1) / kLayers; ++i) {
      if (random() < below) support.push_back(static_cast<Index>(i));
    }
  }
  return support;
}

}  // namespace mvsgd::compress
