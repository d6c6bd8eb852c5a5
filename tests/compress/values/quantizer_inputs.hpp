// Vectors on which every quantiser is tested, and the distance between two vectors.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "compress/values/quantizer.hpp"

namespace mvsgd::compress {

/// The receiver's version of v.
inline std::vector<float> recovered(const Quantizer& quantizer, const std::vector<float>& v) {
  std::vector<float> result(v.size());
  quantizer.recover(quantizer.quantize(v), result);
  return result;
}

struct QuantizerInput {
  std::string name;
  std::vector<float> v;
};

inline std::vector<std::uint32_t> bits(std::span<const float> v) {
  std::vector<std::uint32_t> all;
  for (const float x : v) all.push_back(std::bit_cast<std::uint32_t>(x));
  return all;
}

// 2^64, 2^63, ..., 2^-64 of either sign, each with the floats beside it, except that the outermost
// have no neighbour outside. So v_max / v_min is 2^128, and every boundary of every q is a power of
// two.
inline std::vector<float> powers_of_two() {
  std::vector<float> v;
  for (std::uint32_t exponent = 127 - 64; exponent <= 127 + 64; ++exponent) {
    const std::uint32_t power = exponent << 23;
    v.push_back(std::bit_cast<float>(power));
    if (exponent < 127 + 64) v.push_back(-std::bit_cast<float>(power + 1));
    if (exponent > 127 - 64) v.push_back(std::bit_cast<float>(power - 1));
  }
  return v;
}

inline std::vector<QuantizerInput> quantizer_inputs() {
  constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
  constexpr float kMax = std::numeric_limits<float>::max();
  std::mt19937_64 random(1);
  std::vector<QuantizerInput> inputs = {
      {"empty", {}},
      {"one value", {-3.7F}},
      {"one zero", {-0.0F}},
      {"one denormal", {-kDenormal}},
      {"zeros", std::vector<float>(100)},
      {"all equal", std::vector<float>(1000, -0.1F)},
      {"two neighbours", {1.0F, 0x1.000002p0F, -1.0F, 1.0F}},
      {"both zeros", {0.0F, -0.0F, 2.0F, -2.0F}},
      {"denormal among zeros", {-kDenormal, 0.0F, 0.0F, 0.0F}},
      {"denormals and the largest", {kMax, -kDenormal, 5 * kDenormal, -kMax, 1.0F, 1e-40F}},
      {"powers of two", powers_of_two()},
  };

  // Sums of twelve uniform values, which are near enough to the normal shape of a gradient.
  std::vector<float> gradient(3000);
  for (float& x : gradient) {
    std::int64_t sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<std::int64_t>(random() >> 44) - (1 << 19);
    x = static_cast<float>(sum) * 1e-9F;
  }
  inputs.push_back({"gradient", gradient});
  for (std::size_t i = 0; i < gradient.size(); i += 3) gradient[i] = i % 2 == 0 ? 0.0F : -0.0F;
  inputs.push_back({"gradient with zeros", gradient});

  // All finite bit patterns are equally likely: the heaviest tails possible.
  std::vector<float> any_finite(3000);
  for (float& x : any_finite) {
    auto word = static_cast<std::uint32_t>(random());
    while ((word & 0x7f800000) == 0x7f800000) word = static_cast<std::uint32_t>(random());
    x = std::bit_cast<float>(word);
  }
  inputs.push_back({"any finite", any_finite});

  constexpr std::array kMagnitudes = {0.0F, kDenormal, 1e-38F, 0.5F, 1.0F, 1.5F, 2.0F, kMax};
  std::vector<float> ties(2000);
  for (float& x : ties) {
    const std::uint64_t word = random();
    x = kMagnitudes[word % 8] * ((word & 8) != 0 ? -1.0F : 1.0F);
  }
  inputs.push_back({"ties", ties});

  std::vector<float> two_values(1000, 1e-3F);
  for (std::size_t i = 0; i < two_values.size(); i += 97) two_values[i] = -1e3F;
  inputs.push_back({"two values", two_values});
  return inputs;
}

inline double squared_norm(std::span<const float> v) {
  double sum = 0;
  for (const float x : v) sum += double{x} * double{x};
  return sum;
}

inline double squared_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += (double{a[i]} - double{b[i]}) * (double{a[i]} - double{b[i]});
  }
  return sum;
}

// How far the measured ||Q(v) - v||^2 may lie from its value with exact instead of rounded means.
// Rounding adds sum n delta^2 over the levels or blocks, where n values have the mean mu and
//
//   |delta| <= (2^-24 + n 2^-53) mu + 2^-150 <= 2^-23.9 mu + 2^-150    for n < 2^24
//
// (float rounding, double summation, and float rounding of a denormal), which with sum n mu^2 <=
// ||v||^2 is below 2^-46 ||v||^2 + n 2^-298. The measurement, a sum of n squared differences in
// double, is off by a share of (n + 3) 2^-53 at most.
inline double error_slack(std::span<const float> v, double error) {
  const auto n = static_cast<double>(v.size());
  return 0x1p-46 * squared_norm(v) + n * 0x1p-298 + (n + 3) * 0x1p-53 * error;
}

}  // namespace mvsgd::compress
