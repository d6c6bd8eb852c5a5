#include "compress/fractional_quantizer.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace mvsgd::compress {
namespace {

constexpr unsigned kMostBits = 8;
constexpr std::size_t kMostLevels = std::size_t{1} << (kMostBits - 1);

std::size_t levels(unsigned value_bits) { return std::size_t{1} << (value_bits - 1); }

// |x| as an integer of the same order.
std::uint32_t magnitude(float x) { return std::bit_cast<std::uint32_t>(x) & 0x7fffffff; }

// The magnitude of the largest float that is at most b, 0 <= b <= the largest float.
std::uint32_t float_at_most(double b) {
  const auto nearest = static_cast<float>(b);
  return magnitude(nearest) - (nearest > b ? 1 : 0);
}

std::uint8_t code(std::size_t level_from_0, float x, unsigned value_bits) {
  const unsigned sign = x < 0 ? 1 : 0;
  return static_cast<std::uint8_t>(level_from_0 | sign << (value_bits - 1));
}

float mean(double sum, std::size_t count) {
  return count == 0 ? 0.0F : static_cast<float>(sum / static_cast<double>(count));
}

}  // namespace

FractionalQuantizer::FractionalQuantizer(unsigned value_bits) : Quantizer(value_bits) {
  if (value_bits < 2 || value_bits > kMostBits) {
    throw std::invalid_argument("FractionalQuantizer: q = " + std::to_string(value_bits));
  }
}

std::size_t FractionalQuantizer::magnitudes(std::size_t /*count*/) const {
  return levels(value_bits());
}

std::vector<double> FractionalQuantizer::boundaries(std::span<const float> v) const {
  check_finite(v);
  std::uint32_t largest = 0;
  std::uint32_t smallest = ~0U;  // of the magnitudes less one, where 0 wraps around to the end
  for (const float x : v) {
    largest = std::max(largest, magnitude(x));
    smallest = std::min(smallest, magnitude(x) - 1);
  }
  std::vector<double> b(levels(value_bits()));
  if (largest == 0) return b;
  const double v_max = std::bit_cast<float>(largest);
  const double v_min = std::bit_cast<float>(smallest + 1);

  std::array<double, kMostBits> root;  // [j]: (v_max / v_min)^(2^-j)
  root[0] = v_max / v_min;
  for (unsigned j = 1; j < value_bits(); ++j) root[j] = std::sqrt(root[j - 1]);
  for (std::size_t l = 0; l < b.size(); ++l) {
    double power = 1;  // alpha^l
    for (unsigned j = 1; j < value_bits(); ++j) {
      if ((l >> (value_bits() - 1 - j) & 1) != 0) power *= root[j];
    }
    b[l] = v_max / power;
  }
  return b;
}

Quantized FractionalQuantizer::quantize(std::span<const float> v) const {
  const std::vector<double> b = boundaries(v);
  std::array<std::uint32_t, kMostLevels> threshold;  // |x| <= b[l] as integers
  std::transform(b.begin(), b.end(), threshold.begin(), float_at_most);

  std::array<double, kMostLevels> sum{};
  std::array<std::size_t, kMostLevels> count{};
  Quantized quantized;
  quantized.codes.resize(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    const std::uint32_t m = magnitude(v[i]);
    // Thresholds fall, so the count of those that m does not exceed is found bit by bit; without
    // branches, since no predictor can learn them.
    std::size_t level = 0;
    for (std::size_t step = b.size() / 2; step > 0; step /= 2) {
      level += m <= threshold[level + step] ? step : 0;
    }
    quantized.codes[i] = code(level, v[i], value_bits());
    sum[level] += std::fabs(v[i]);
    ++count[level];
  }
  quantized.magnitudes.resize(b.size());
  std::transform(sum.begin(), sum.begin() + static_cast<std::ptrdiff_t>(b.size()), count.begin(),
                 quantized.magnitudes.begin(), mean);
  return quantized;
}

Quantized FractionalQuantizer::quantize_by_definition(std::span<const float> v) const {
  const std::vector<double> b = boundaries(v);
  Quantized quantized;
  for (const float x : v) {
    std::size_t level = 1;
    for (std::size_t l = 1; l < b.size(); ++l) level += std::fabs(x) <= b[l] ? 1 : 0;
    quantized.codes.push_back(code(level - 1, x, value_bits()));
  }
  for (std::size_t level = 1; level <= b.size(); ++level) {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (quantized.codes[i] % b.size() != level - 1) continue;
      sum += std::fabs(v[i]);
      ++count;
    }
    quantized.magnitudes.push_back(mean(sum, count));
  }
  return quantized;
}

void FractionalQuantizer::recover(const Quantized& quantized, std::span<float> v) const {
  check_recoverable(quantized, v.size());
  std::array<float, 2 * kMostLevels> value;  // of each code: mu_1, ..., mu_L, -mu_1, ..., -mu_L
  const std::span<const float> mu = quantized.magnitudes;
  std::copy(mu.begin(), mu.end(), value.begin());
  std::transform(mu.begin(), mu.end(), value.begin() + static_cast<std::ptrdiff_t>(mu.size()),
                 std::negate<>());
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = value[quantized.codes[i]];
}

}  // namespace mvsgd::compress
