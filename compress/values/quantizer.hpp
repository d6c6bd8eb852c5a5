// Quantised values, section 4.3.2: the contract of every quantiser, and its bits on the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"

namespace mvsgd::compress {

/// K values as q-bit codes and the magnitudes to which they refer. A code's highest bit is the
/// sign.
struct Quantized {
  std::vector<std::uint8_t> codes;      ///< [K], each less than 2^q; empty for q = 16
  std::vector<std::uint16_t> halves{};  ///< [K] for q = 16: floating-point numbers; else empty
  std::vector<float> magnitudes;        ///< finite, not negative and not -0

  [[nodiscard]] std::size_t count() const { return codes.size() + halves.size(); }  ///< K
};

/// A map Q from K floats to K codes of q bits and a few magnitudes, and back.
///
/// No quantiser is unbiased: the mean of Q(v) is not v. The error memory makes up for it: what
/// recover() lost of v stays with the worker and is added to what it sends next
/// (compress/select/error_memory.hpp).
class Quantizer {
 public:
  virtual ~Quantizer() = default;
  Quantizer(const Quantizer&) = delete;
  Quantizer& operator=(const Quantizer&) = delete;

  /// q, the bits of one code: 1 to 8, or 16.
  [[nodiscard]] unsigned value_bits() const { return value_bits_; }

  /// The number of magnitudes that travel with `count` values.
  [[nodiscard]] virtual std::size_t magnitudes(std::size_t count) const = 0;

  /// The header's block_size for `count` values: how many of them share a scale; 0 if magnitudes
  /// are not those of blocks.
  [[nodiscard]] virtual std::size_t block_size(std::size_t /*count*/) const { return 0; }

  /// The header's position_codec for codes that are sent as they are.
  [[nodiscard]] virtual std::uint8_t wire_code() const { return 0; }

  /// b_0, b_1, ..., falling: the upper boundaries of the levels into which it divides v's
  /// magnitudes, as in eq 18. They depend only on the largest magnitude and on the smallest that is
  /// not zero. Empty if it has no levels. Throws as quantize.
  [[nodiscard]] virtual std::vector<double> boundaries(std::span<const float> /*v*/) const {
    return {};
  }
  [[nodiscard]] bool has_levels() const { return !boundaries({}).empty(); }

  /// Q(v) as codes [v.size()] and magnitudes [magnitudes(v.size())]. Throws std::invalid_argument,
  /// naming the first such i, if v[i] is NaN or infinite.
  [[nodiscard]] virtual Quantized quantize(std::span<const float> v) const = 0;

  /// The same, directly from its equation. For tests.
  [[nodiscard]] virtual Quantized quantize_by_definition(std::span<const float> v) const {
    return quantize(v);
  }

  /// v <- Q(v) from its codes and magnitudes. The receiver computes this, and so does the sender
  /// for its error memory. Any codes of q bits are accepted. Throws std::invalid_argument if the
  /// lengths are not those of v.size() values, or a code has more than q bits; v is then unchanged.
  virtual void recover(const Quantized& quantized, std::span<float> v) const = 0;

 protected:
  explicit Quantizer(unsigned value_bits) : value_bits_(value_bits) {}

  static void check_finite(std::span<const float> v);
  void check_recoverable(const Quantized& quantized, std::size_t count) const;

 private:
  unsigned value_bits_;
};

/// Appends the codes, q bits each: value_bits * codes.size() bits exactly. Throws
/// std::invalid_argument if value_bits is not 1 to 8 or a code has more bits; `out` is then
/// unchanged.
void encode_codes(std::span<const std::uint8_t> codes, unsigned value_bits, comm::BitWriter& out);

/// Reads `count` codes of q bits. Throws DecodeError, before it allocates or reads, if fewer bits
/// remain; std::invalid_argument if value_bits is not 1 to 8.
[[nodiscard]] std::vector<std::uint8_t> decode_codes(comm::BitReader& in, std::size_t count,
                                                     unsigned value_bits);

/// Appends the magnitudes, a float32 each. Throws std::invalid_argument if decode_magnitudes would
/// refuse one; `out` is then unchanged.
void encode_magnitudes(std::span<const float> magnitudes, comm::BitWriter& out);

/// Reads `count` magnitudes. Throws DecodeError, before it allocates or reads, if fewer bits
/// remain; also if one is NaN, infinite, negative or -0.
[[nodiscard]] std::vector<float> decode_magnitudes(comm::BitReader& in, std::size_t count);

}  // namespace mvsgd::compress
