// Values of 16 bits: IEEE 754's binary16 and bfloat16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "compress/values/quantizer.hpp"

namespace mvsgd::compress {

/// q of both formats.
inline constexpr unsigned kHalfBits = 16;

/// A floating-point format of 16 bits: the sign above the exponent, that above the fraction.
struct HalfFormat {
  std::string_view name;
  unsigned fraction_bits;  ///< of 15; the rest is the exponent's
  std::uint8_t code;       ///< Header::position_codec of its values

  /// What is taken from an exponent's field: 15 for binary16, 127 for bfloat16.
  [[nodiscard]] constexpr int bias() const { return (1 << (14 - fraction_bits)) - 1; }
  /// The largest finite magnitude's bits.
  [[nodiscard]] constexpr std::uint16_t largest() const {
    return static_cast<std::uint16_t>(0x7fff - (1 << fraction_bits));
  }
};

inline constexpr HalfFormat kFloat16{.name = "float16", .fraction_bits = 10, .code = 0};
inline constexpr HalfFormat kBfloat16{.name = "bfloat16", .fraction_bits = 7, .code = 10};

/// Rounds each value to the nearest of a format, ties to the even fraction. Denormal values are
/// kept, zeros keep their sign, and a magnitude above the largest finite one becomes that one. So
/// the memory of the sender keeps what a too large value lacks. No magnitudes travel.
class HalfPrecision final : public Quantizer {
 public:
  explicit HalfPrecision(const HalfFormat& format) : Quantizer(kHalfBits), format_(format) {}

  [[nodiscard]] std::size_t magnitudes(std::size_t /*count*/) const override { return 0; }
  [[nodiscard]] std::uint8_t wire_code() const override { return format_.code; }

  /// `halves` [v.size()]; no codes. Cost: one pass.
  [[nodiscard]] Quantized quantize(std::span<const float> v) const override;
  /// The definition: the nearest of all finite values of the format. For tests.
  [[nodiscard]] Quantized quantize_by_definition(std::span<const float> v) const override;

  /// Throws as Quantizer says, also if one of `halves` is no finite number.
  void recover(const Quantized& quantized, std::span<float> v) const override;

  /// The value of 16 bits. Infinite or NaN where all bits of the exponent are 1.
  [[nodiscard]] float value_of(std::uint16_t half) const;

 private:
  [[nodiscard]] std::uint16_t rounded(float value) const;

  HalfFormat format_;
};

/// Appends 16 bits a value.
void encode_halves(std::span<const std::uint16_t> halves, comm::BitWriter& out);

/// Reads `count` values of 16 bits. Throws DecodeError, before it allocates or reads, if fewer bits
/// remain; also if one is infinite or NaN in the format that `code` names.
[[nodiscard]] std::vector<std::uint16_t> decode_halves(comm::BitReader& in, std::size_t count,
                                                       std::uint8_t code);

}  // namespace mvsgd::compress
