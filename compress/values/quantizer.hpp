// Quantised values, section 4.3.2: what every quantiser promises, and its bits on the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"

namespace mvsgd::compress {

/// K values as q-bit codes and the magnitudes they stand for; the sign is a code's highest bit.
struct Quantized {
  std::vector<std::uint8_t> codes;  ///< [K], each less than 2^q
  std::vector<float> magnitudes;    ///< finite, not negative and not -0
};

/// A map Q from K floats to K codes of q bits and a few magnitudes, and back.
///
/// None is unbiased: the mean of Q(v) is not v. The error memory is what makes up for it: what
/// recover() lost of v stays with the worker and is added to what it sends next
/// (compress/select/error_memory.hpp).
class Quantizer {
 public:
  virtual ~Quantizer() = default;
  Quantizer(const Quantizer&) = delete;
  Quantizer& operator=(const Quantizer&) = delete;

  /// q, the bits of one code: 1 to 8.
  [[nodiscard]] unsigned value_bits() const { return value_bits_; }

  /// How many magnitudes travel with `count` values.
  [[nodiscard]] virtual std::size_t magnitudes(std::size_t count) const = 0;

  /// What the header's block_size says of `count` values: how many share a scale; 0 where the
  /// magnitudes are not those of blocks.
  [[nodiscard]] virtual std::size_t block_size(std::size_t /*count*/) const { return 0; }

  /// b_0, b_1, ..., falling: the upper boundaries of the levels that it divides v's magnitudes
  /// into, as eq 18 does. They depend on the largest and the smallest magnitude but zero alone.
  /// Empty if it has no levels. Throws as quantize.
  [[nodiscard]] virtual std::vector<double> boundaries(std::span<const float> /*v*/) const {
    return {};
  }
  [[nodiscard]] bool has_levels() const { return !boundaries({}).empty(); }

  /// Q(v) as codes [v.size()] and magnitudes [magnitudes(v.size())].
  /// Throws std::invalid_argument naming i, the first, if v[i] is NaN or infinite.
  [[nodiscard]] virtual Quantized quantize(std::span<const float> v) const = 0;

  /// The same as its equation says it. For tests.
  [[nodiscard]] virtual Quantized quantize_by_definition(std::span<const float> v) const {
    return quantize(v);
  }

  /// v <- Q(v) from its codes and magnitudes, as the receiver computes it; the sender too, for its
  /// error memory. Any codes of q bits are accepted.
  /// Throws std::invalid_argument, with v as it was, if the lengths are not those of v.size()
  /// values, or a code has more than q bits.
  virtual void recover(const Quantized& quantized, std::span<float> v) const = 0;

 protected:
  explicit Quantizer(unsigned value_bits) : value_bits_(value_bits) {}

  static void check_finite(std::span<const float> v);
  void check_recoverable(const Quantized& quantized, std::size_t count) const;

 private:
  unsigned value_bits_;
};

/// Appends the codes, q bits each: value_bits * codes.size() bits exactly.
/// Throws std::invalid_argument, with `out` as it was, if value_bits is not 1 to 8 or a code has
/// more bits.
void encode_codes(std::span<const std::uint8_t> codes, unsigned value_bits, comm::BitWriter& out);

/// Reads `count` codes of q bits. Throws DecodeError, before it allocates or reads, if fewer bits
/// remain; std::invalid_argument if value_bits is not 1 to 8.
[[nodiscard]] std::vector<std::uint8_t> decode_codes(comm::BitReader& in, std::size_t count,
                                                     unsigned value_bits);

/// Appends the magnitudes, a float32 each. Throws std::invalid_argument, with `out` as it was, if
/// decode_magnitudes would refuse one.
void encode_magnitudes(std::span<const float> magnitudes, comm::BitWriter& out);

/// Reads `count` magnitudes. Throws DecodeError if fewer bits remain, before it allocates or reads,
/// or if one is NaN, infinite, negative or -0.
[[nodiscard]] std::vector<float> decode_magnitudes(comm::BitReader& in, std::size_t count);

}  // namespace mvsgd::compress
