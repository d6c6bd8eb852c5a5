#include "compress/values/half_precision.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace mvsgd::compress {
namespace {

constexpr std::uint16_t kSign = 0x8000;

const HalfFormat& format_of(std::uint8_t code) {
  return code == kBfloat16.code ? kBfloat16 : kFloat16;
}

bool is_finite(const HalfFormat& format, std::uint16_t half) {
  return (half & ~kSign) <= format.largest();
}

/// The first index that holds no finite number, or halves.size().
std::size_t first_not_finite(const HalfFormat& format, std::span<const std::uint16_t> halves) {
  const auto bad = std::find_if(halves.begin(), halves.end(),
                                [&](std::uint16_t half) { return !is_finite(format, half); });
  return static_cast<std::size_t>(bad - halves.begin());
}

std::string not_finite(const HalfFormat& format, std::size_t i) {
  return "value " + std::to_string(i) + " is no finite " + std::string(format.name);
}

}  // namespace

float HalfPrecision::value_of(std::uint16_t half) const {
  const int fraction_bits = static_cast<int>(format_.fraction_bits);
  const int exponent = (half & ~kSign) >> fraction_bits;
  const int fraction = half & ((1 << fraction_bits) - 1);
  const double sign = (half & kSign) != 0 ? -1 : 1;
  if (!is_finite(format_, half)) {
    return fraction == 0 ? static_cast<float>(sign) * std::numeric_limits<float>::infinity()
                         : std::numeric_limits<float>::quiet_NaN();
  }
  const int whole = exponent == 0 ? fraction : fraction + (1 << fraction_bits);
  const int power = std::max(exponent, 1) - format_.bias() - fraction_bits;
  return static_cast<float>(sign * std::ldexp(static_cast<double>(whole), power));
}

// A format's values are those of float32 with fewer bits of the fraction, but for denormal ones. So
// float32's bits are rounded, as a whole number whose carry goes on into the exponent.
std::uint16_t HalfPrecision::rounded(float value) const {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & kSign);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  const unsigned fraction_bits = format_.fraction_bits;
  const auto bias = static_cast<std::uint32_t>(format_.bias());
  const std::uint32_t least_normal = (127 - bias + 1) << 23;
  if (magnitude < least_normal) {
    // A whole number of the least denormal value, which is 2^(1 - bias - fraction_bits).
    const int power = static_cast<int>(bias + fraction_bits) - 1;
    const double count = std::ldexp(static_cast<double>(std::abs(value)), power);
    return sign | static_cast<std::uint16_t>(std::nearbyint(count));
  }
  const unsigned dropped = 23 - fraction_bits;
  const std::uint32_t even = magnitude >> dropped & 1;
  const std::uint32_t kept =
      (magnitude + (std::uint32_t{1} << (dropped - 1)) - 1 + even) >> dropped;
  const std::uint32_t half = kept - ((127 - bias) << fraction_bits);
  return sign | static_cast<std::uint16_t>(std::min<std::uint32_t>(half, format_.largest()));
}

Quantized HalfPrecision::quantize(std::span<const float> v) const {
  check_finite(v);
  Quantized quantized{
      .codes = {}, .halves = std::vector<std::uint16_t>(v.size()), .magnitudes = {}};
  for (std::size_t i = 0; i < v.size(); ++i) quantized.halves[i] = rounded(v[i]);
  return quantized;
}

Quantized HalfPrecision::quantize_by_definition(std::span<const float> v) const {
  check_finite(v);
  Quantized quantized{.codes = {}, .halves = {}, .magnitudes = {}};
  for (const float x : v) {
    const double magnitude = std::min(std::abs(x), value_of(format_.largest()));
    // Magnitudes rise with their bits.
    std::uint16_t nearest = 0;
    double distance = std::numeric_limits<double>::infinity();
    for (std::uint16_t half = 0; half <= format_.largest(); ++half) {
      const double d = std::abs(magnitude - value_of(half));
      if (d > distance) break;
      const bool even = half % 2 == 0;
      if (d < distance || even) nearest = half;
      distance = d;
    }
    quantized.halves.push_back(std::signbit(x) ? nearest | kSign : nearest);
  }
  return quantized;
}

void HalfPrecision::recover(const Quantized& quantized, std::span<float> v) const {
  const std::size_t bad = first_not_finite(format_, quantized.halves);
  if (quantized.halves.size() != v.size() || !quantized.codes.empty() ||
      !quantized.magnitudes.empty()) {
    throw std::invalid_argument("recover: " + std::to_string(quantized.halves.size()) +
                                " values of 16 bits for " + std::to_string(v.size()));
  }
  if (bad < v.size()) throw std::invalid_argument("recover: " + not_finite(format_, bad));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = value_of(quantized.halves[i]);
}

void encode_halves(std::span<const std::uint16_t> halves, comm::BitWriter& out) {
  out.reserve(comm::Bits(std::uint64_t{16} * halves.size()));
  for (const std::uint16_t half : halves) out.put(half, 16);
}

std::vector<std::uint16_t> decode_halves(comm::BitReader& in, std::size_t count,
                                         std::uint8_t code) {
  if (count > in.remaining().count() / 16) {
    throw comm::DecodeError(std::to_string(count) + " values of 16 bits wanted at bit " +
                            std::to_string(in.position().count()) + " with " +
                            std::to_string(in.remaining().count()) + " left");
  }
  const std::uint64_t begin = in.position().count();
  std::vector<std::uint16_t> halves(count);
  for (std::uint16_t& half : halves) half = static_cast<std::uint16_t>(in.get(16));
  const HalfFormat& format = format_of(code);
  if (const std::size_t bad = first_not_finite(format, halves); bad < count) {
    throw comm::DecodeError(not_finite(format, bad) + ", at bit " +
                            std::to_string(begin + 16 * bad));
  }
  return halves;
}

}  // namespace mvsgd::compress
