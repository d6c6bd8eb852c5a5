#include "compress/values/quantizer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

namespace mvsgd::compress {
namespace {

constexpr unsigned kMostBits = 8;

void check_codes(const char* who, std::span<const std::uint8_t> codes, unsigned value_bits) {
  unsigned all = 0;  // a sum, since no vector unit can do a search
  for (const std::uint8_t code : codes) all |= code;
  if (all >> value_bits == 0) return;
  const auto wide = std::find_if(codes.begin(), codes.end(),
                                 [=](std::uint8_t code) { return code >> value_bits != 0; });
  throw std::invalid_argument(std::string(who) + ": codes[" + std::to_string(wide - codes.begin()) +
                              "] = " + std::to_string(*wide) +
                              " of q = " + std::to_string(value_bits) + " bits");
}

void check_value_bits(const char* who, unsigned value_bits) {
  if (value_bits < 1 || value_bits > kMostBits) {
    throw std::invalid_argument(std::string(who) + ": q = " + std::to_string(value_bits));
  }
}

// Packs eight codes of q bits, one in the low bits of each byte of `bytes`: pairs of bytes, then
// pairs of those, then the two halves.
std::uint64_t packed(std::uint64_t bytes, unsigned q) {
  bytes = (bytes & 0x00ff00ff00ff00ff) | (bytes & 0xff00ff00ff00ff00) >> (8 - q);
  bytes = (bytes & 0x0000ffff0000ffff) | (bytes & 0xffff0000ffff0000) >> (16 - 2 * q);
  return (bytes & 0xffffffff) | bytes >> 32 << (4 * q);
}

// The inverse of packed().
std::uint64_t unpacked(std::uint64_t word, unsigned q) {
  const auto low_bits = [](unsigned width, std::uint64_t each) {
    return ((std::uint64_t{1} << width) - 1) * each;
  };
  const std::uint64_t quads = low_bits(4 * q, 1);
  const std::uint64_t pairs = low_bits(2 * q, 0x0000000100000001);
  const std::uint64_t ones = low_bits(q, 0x0001000100010001);
  word = (word & quads) | (word >> 4 * q & quads) << 32;
  word = (word & pairs) | (word >> 2 * q & pairs) << 16;
  return (word & ones) | (word >> q & ones) << 8;
}

// Loads the eight bytes at `from`, the first one lowest, and stores them.
std::uint64_t load(const std::uint8_t* from) {
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < 8; ++i) bytes |= std::uint64_t{from[i]} << 8 * i;
  return bytes;
}

void store(std::uint64_t bytes, std::uint8_t* to) {
  for (unsigned i = 0; i < 8; ++i) to[i] = static_cast<std::uint8_t>(bytes >> 8 * i);
}

// Compares without forming the product, which a hostile count would overflow.
void check_remaining(const char* what, const comm::BitReader& in, std::size_t count,
                     unsigned width) {
  if (count > in.remaining().count() / width) {
    throw comm::DecodeError(std::to_string(count) + " " + what + " of " + std::to_string(width) +
                            " bits wanted at bit " + std::to_string(in.position().count()) +
                            " with " + std::to_string(in.remaining().count()) + " left");
  }
}

// The first index that holds no valid magnitude, or magnitudes.size().
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
  const std::size_t whole = codes.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) {
    out.put(packed(load(&codes[i]), value_bits), 8 * value_bits);
  }
  for (std::size_t i = whole; i < codes.size(); ++i) out.put(codes[i], value_bits);
}

std::vector<std::uint8_t> decode_codes(comm::BitReader& in, std::size_t count,
                                       unsigned value_bits) {
  check_value_bits("decode_codes", value_bits);
  check_remaining("codes", in, count, value_bits);
  std::vector<std::uint8_t> codes(count);
  const std::size_t whole = count / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) {
    store(unpacked(in.get(8 * value_bits), value_bits), &codes[i]);
  }
  for (std::size_t i = whole; i < count; ++i) {
    codes[i] = static_cast<std::uint8_t>(in.get(value_bits));
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
