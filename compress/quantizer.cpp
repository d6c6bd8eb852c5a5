#include "compress/quantizer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

namespace mvsgd::compress {
namespace {

constexpr unsigned kMostBits = 8;
constexpr unsigned kWordBits = 64;

// The first code that does not fit in q bits, or codes.size().
std::size_t first_too_wide(std::span<const std::uint8_t> codes, unsigned value_bits) {
  const auto wide = std::find_if(codes.begin(), codes.end(),
                                 [=](std::uint8_t code) { return code >> value_bits != 0; });
  return static_cast<std::size_t>(wide - codes.begin());
}

void check_codes(const char* who, std::span<const std::uint8_t> codes, unsigned value_bits) {
  const std::size_t i = first_too_wide(codes, value_bits);
  if (i < codes.size()) {
    throw std::invalid_argument(std::string(who) + ": codes[" + std::to_string(i) +
                                "] = " + std::to_string(codes[i]) +
                                " of q = " + std::to_string(value_bits) + " bits");
  }
}

void check_value_bits(const char* who, unsigned value_bits) {
  if (value_bits < 1 || value_bits > kMostBits) {
    throw std::invalid_argument(std::string(who) + ": q = " + std::to_string(value_bits));
  }
}

// Compares without the product, which a hostile count overflows.
void check_remaining(const char* what, const comm::BitReader& in, std::size_t count,
                     unsigned width) {
  if (count > in.remaining().count() / width) {
    throw comm::DecodeError(std::to_string(count) + " " + what + " of " + std::to_string(width) +
                            " bits wanted at bit " + std::to_string(in.position().count()) +
                            " with " + std::to_string(in.remaining().count()) + " left");
  }
}

// The first that is no magnitude, or magnitudes.size().
std::size_t first_no_magnitude(std::span<const float> magnitudes) {
  const auto bad = std::find_if(magnitudes.begin(), magnitudes.end(),
                                [](float m) { return !std::isfinite(m) || std::signbit(m); });
  return static_cast<std::size_t>(bad - magnitudes.begin());
}

std::string no_magnitude(std::span<const float> magnitudes, std::size_t i) {
  return "magnitudes[" + std::to_string(i) + "] = " + std::to_string(magnitudes[i]) +
         " is not finite and positive or +0";
}

}  // namespace

void Quantizer::check_finite(std::span<const float> v) {
  std::int32_t largest = 0;  // magnitudes compare as their bits do, infinity and NaNs above all
  for (const float x : v) largest = std::max(largest, std::bit_cast<std::int32_t>(x) & 0x7fffffff);
  if (largest < 0x7f800000) return;
  const auto bad = std::find_if(v.begin(), v.end(), [](float x) { return !std::isfinite(x); });
  throw std::invalid_argument("quantize: v[" + std::to_string(bad - v.begin()) +
                              "] = " + std::to_string(*bad) + " is not finite");
}

void Quantizer::check_recoverable(const Quantized& quantized, std::size_t count) const {
  if (quantized.codes.size() != count || quantized.magnitudes.size() != magnitudes(count)) {
    throw std::invalid_argument("recover: " + std::to_string(quantized.codes.size()) +
                                " codes and " + std::to_string(quantized.magnitudes.size()) +
                                " magnitudes for " + std::to_string(count) + " values and " +
                                std::to_string(magnitudes(count)) + " magnitudes");
  }
  check_codes("recover", quantized.codes, value_bits_);
}

void encode_codes(std::span<const std::uint8_t> codes, unsigned value_bits, comm::BitWriter& out) {
  check_value_bits("encode_codes", value_bits);
  check_codes("encode_codes", codes, value_bits);
  out.reserve(comm::Bits(std::uint64_t{codes.size()} * value_bits));
  // As many codes as fit in a word at a time.
  for (std::size_t i = 0; i < codes.size();) {
    std::uint64_t word = 0;
    unsigned width = 0;
    for (; i < codes.size() && width + value_bits <= kWordBits; width += value_bits, ++i) {
      word |= std::uint64_t{codes[i]} << width;
    }
    out.put(word, width);
  }
}

std::vector<std::uint8_t> decode_codes(comm::BitReader& in, std::size_t count,
                                       unsigned value_bits) {
  check_value_bits("decode_codes", value_bits);
  check_remaining("codes", in, count, value_bits);
  const std::uint64_t low_bits = (1U << value_bits) - 1;
  const std::size_t in_word = kWordBits / value_bits;
  std::vector<std::uint8_t> codes(count);
  for (std::size_t i = 0; i < count;) {
    const std::size_t end = std::min(count, i + in_word);
    std::uint64_t word = in.get(static_cast<unsigned>(end - i) * value_bits);
    for (; i < end; ++i, word >>= value_bits) codes[i] = static_cast<std::uint8_t>(word & low_bits);
  }
  return codes;
}

void encode_magnitudes(std::span<const float> magnitudes, comm::BitWriter& out) {
  const std::size_t bad = first_no_magnitude(magnitudes);
  if (bad < magnitudes.size()) {
    throw std::invalid_argument("encode_magnitudes: " + no_magnitude(magnitudes, bad));
  }
  out.put_floats(magnitudes);
}

std::vector<float> decode_magnitudes(comm::BitReader& in, std::size_t count) {
  check_remaining("magnitudes", in, count, 32);
  std::vector<float> magnitudes(count);
  in.get_floats(magnitudes);
  const std::size_t bad = first_no_magnitude(magnitudes);
  if (bad < count) {
    throw comm::DecodeError(no_magnitude(magnitudes, bad) + ", at bit " +
                            std::to_string(in.position().count() - 32 * (count - bad)));
  }
  return magnitudes;
}

}  // namespace mvsgd::compress
