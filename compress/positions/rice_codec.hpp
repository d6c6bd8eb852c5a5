// The Rice code of positions: the gaps between them, the high part of each in unary.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// The r with the shortest expected Rice code for K of d positions, 1 <= K <= d < 2^32, where each
/// position is chosen independently with probability K / d; 0 if K = 0.
///
/// A gap is then g with probability (1 - p) p^g, p = 1 - K / d, and takes r + 1 / (1 - p^(2^r))
/// bits on average. Let x = p^(2^r). r + 1 is no better if 1 / (1 - x) <= 1 + 1 / (1 - x^2), that
/// is, if x^2 + x <= 1. So r is the least one with x at most (sqrt(5) - 1) / 2. The powers are
/// squares of 64-bit fractions: if two r are equally good within 2^-30 of a bit, the result is
/// either.
///
/// Throws std::invalid_argument if K > d, d = 0 or d >= 2^32.
[[nodiscard]] unsigned rice_parameter(std::uint64_t d, std::uint64_t k);

/// Codes a set of positions in [0, d) by its gaps: the first position, then each difference
/// minus 1.
///
/// A gap g is floor(g / 2^r) zeros, a 1, and g mod 2^r in r bits. With d = 16 and r = 1 the set
/// {1, 6, 7, 12} takes 12 bits:
///
///     positions  1       6          7       12
///     gaps       1       4          0       4
///     bits       1 '1'   0 0 1 '0'  1 '0'   0 0 1 '0'
///
/// (each quoted number in r bits; in the stream its least significant bit comes first). So a set of
/// K positions takes K (1 + r) bits and the sum of floor(g / 2^r), which is at most (d - K) / 2^r.
/// The header's block_size is 2^r.
class RiceCodec final : public PositionCodec {
 public:
  /// The value of Header::position_codec.
  static constexpr std::uint8_t kId = 3;

  /// Throws std::invalid_argument if d = 0, d >= 2^32, or block_size is no power of two up to 2^31.
  RiceCodec(std::uint64_t d, std::uint64_t block_size);

  [[nodiscard]] std::uint8_t id() const override { return kId; }
  [[nodiscard]] std::uint32_t parameter() const override { return std::uint32_t{1} << r_; }
  [[nodiscard]] bool is_data_dependent() const override { return true; }
  /// Cost: O(K) time.
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  std::uint64_t d_;
  unsigned r_;
};

}  // namespace mvsgd::compress
