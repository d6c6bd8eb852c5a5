// Eqs 17 and 18, on values as heavy-tailed as gradients are, at the paper's K.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "compress/values/fractional_quantizer.hpp"
#include "compress/values/scaled_sign.hpp"
#include "sim/verify/drawn_update.hpp"
#include "sim/verify/parts.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::size_t kValues = 111'740;

/// The relative error of a power after some roundings in double.
constexpr double kRounding = 1e-13;

std::vector<float> drawn_values() {
  DrawnUpdate update(kValues, 1, kVerifySeed);
  Round round;
  round.t = 1;
  const std::vector<float> origin(kValues);
  const LocalResult drawn = update.run(0, round, 0, origin, {});
  return {drawn.theta.host().begin(), drawn.theta.host().end()};
}

double squared_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum;
}

comm::Bits code_bits(const compress::Quantized& quantized, unsigned q) {
  comm::BitWriter out;
  compress::encode_codes(quantized.codes, q, out);
  return out.size();
}

Check check_scaled_sign(std::span<const float> v) {
  const compress::ScaledSign quantizer(0);
  const compress::Quantized quantized = quantizer.quantize(v);
  std::vector<float> recovered(v.size());
  quantizer.recover(quantized, recovered);

  double norm_1 = 0;
  double norm_2 = 0;
  for (const float x : v) {
    norm_1 += std::abs(static_cast<double>(x));
    norm_2 += static_cast<double>(x) * static_cast<double>(x);
  }
  const auto scale = static_cast<float>(norm_1 / static_cast<double>(v.size()));
  bool equal = code_bits(quantized, 1) == comm::Bits(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    equal = equal && recovered[i] == (v[i] < 0 ? -scale : scale);
  }
  const double lost = squared_distance(recovered, v);
  return {"eq 17", "Q(v) = ||v||_1 / K sign(v), one bit a value, and a contraction",
          equal && lost < norm_2,
          fmt::format("K = {}: scale {:.6g}; ||Q(v) - v||^2 is {:.4f} of ||v||^2", v.size(), scale,
                      lost / norm_2)};
}

/// Eq 18 at one q, computed from v: alpha, the boundaries v_max / alpha^l, the level of each value,
/// and the mean of each level.
struct Levels {
  std::vector<double> upper;       ///< v_max / alpha^(l-1) of level l = 1..L, at l - 1
  std::vector<std::size_t> level;  ///< the level of each value, minus 1
  std::vector<double> mean;        ///< of |v| in each level
  std::size_t at_a_boundary = 0;   ///< values so near a boundary that a rounding decides
};
Levels eq_18(std::span<const float> v, unsigned q) {
  double v_max = 0;
  double v_min = std::numeric_limits<double>::infinity();
  for (const float x : v) {
    v_max = std::max(v_max, std::abs(static_cast<double>(x)));
    v_min = std::min(v_min, std::abs(static_cast<double>(x)));
  }
  const auto count = std::size_t{1} << (q - 1);
  const double alpha = std::pow(v_max / v_min, 1.0 / static_cast<double>(count));
  Levels levels;
  for (std::size_t l = 0; l < count; ++l) {
    levels.upper.push_back(v_max / std::pow(alpha, static_cast<double>(l)));
  }
  std::vector<double> sums(count);
  std::vector<double> counts(count);
  for (const float x : v) {
    const double magnitude = std::abs(static_cast<double>(x));
    std::size_t level = 0;
    while (level + 1 < count && magnitude <= levels.upper[level + 1]) ++level;
    levels.level.push_back(level);
    sums[level] += magnitude;
    ++counts[level];
    const bool near = std::ranges::any_of(levels.upper, [&](double b) {
      return std::abs(magnitude - b) <= kRounding * b && b != v_max;
    });
    levels.at_a_boundary += near ? 1 : 0;
  }
  for (std::size_t l = 0; l < count; ++l) levels.mean.push_back(sums[l] / counts[l]);
  return levels;
}

Check check_fractional(std::span<const float> v) {
  bool holds = true;
  double before = std::numeric_limits<double>::infinity();
  std::string shares;
  for (unsigned q = 2; q <= 8; ++q) {
    const compress::FractionalQuantizer quantizer(q);
    const compress::Quantized quantized = quantizer.quantize(v);
    std::vector<float> recovered(v.size());
    quantizer.recover(quantized, recovered);
    const Levels levels = eq_18(v, q);
    const std::vector<double> boundaries = quantizer.boundaries(v);
    holds = holds && levels.at_a_boundary == 0 && boundaries.size() == levels.upper.size();
    for (std::size_t l = 0; holds && l < boundaries.size(); ++l) {
      holds = std::abs(boundaries[l] - levels.upper[l]) <= kRounding * levels.upper[l];
    }
    double norm_2 = 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      const double mean = levels.mean[levels.level[i]];
      holds = holds &&
              std::abs(std::abs(static_cast<double>(recovered[i])) - mean) <=
                  static_cast<double>(std::numeric_limits<float>::epsilon()) * mean &&
              std::signbit(recovered[i]) == std::signbit(v[i]);
      norm_2 += static_cast<double>(v[i]) * static_cast<double>(v[i]);
    }
    const double lost = squared_distance(recovered, v);
    const compress::Quantized defined = quantizer.quantize_by_definition(v);
    holds = holds && quantized.codes == defined.codes &&
            quantized.magnitudes == defined.magnitudes && lost <= before &&
            code_bits(quantized, q) == comm::Bits(q * v.size());
    before = lost;
    shares += fmt::format("{}{:.5f}", shares.empty() ? "" : ", ", lost / norm_2);
  }
  return {"eq 18",
          "levels end at v_max / alpha^l, alpha = (v_max / v_min)^(1/L); each value by the mean of "
          "its level, q bits, q = 2..8",
          holds,
          fmt::format("K = {}: ||Q(v) - v||^2 / ||v||^2 falls with q: {}", v.size(), shares)};
}

}  // namespace

std::vector<Check> check_quantizers() {
  std::vector<float> v = drawn_values();
  // Zeros are left to the tests: a zero has no sign to recover, and level L's mean includes it.
  std::erase(v, 0.0F);
  return {check_scaled_sign(v), check_fractional(v)};
}

}  // namespace mvsgd::sim
