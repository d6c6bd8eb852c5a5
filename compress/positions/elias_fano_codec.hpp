// The Elias-Fano code of positions: low bits as they are, high bits in unary.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// Codes a set of K positions in [0, d) as the block position code does with blocks of 2^l
/// coordinates, l = floor(log2(d / K)), but writes flags and offsets separately. It needs no
/// parameter: a decoder has d and K from the header.
///
/// First the flags: for each block, in order, a 1 for each of its positions and a 0. Then the low l
/// bits of each position. With d = 16 the set {1, 6, 7, 12} has K = 4, l = 2 and takes 16 bits:
///
///     block      0     1       2   3
///     positions  1     6 7     -   12
///     bits       1 0   1 1 0   0   1 0   '01' '10' '11' '00'
///
/// (each quoted number in l bits; in the stream its least significant bit comes first). So any set
/// of K positions takes exactly K l + K + ceil(d / 2^l) bits, and none if K = 0.
class EliasFanoCodec final : public PositionCodec {
 public:
  /// The value of Header::position_codec.
  static constexpr std::uint8_t kId = 2;

  /// Throws std::invalid_argument if d = 0 or d >= 2^32.
  explicit EliasFanoCodec(std::uint64_t d);

  /// l for sets of k positions, 1 <= k <= d.
  [[nodiscard]] unsigned low_bits(std::uint64_t k) const;

  /// The size that encode() will write for any set of k <= d positions.
  [[nodiscard]] comm::Bits size(std::uint64_t k) const;

  [[nodiscard]] std::uint8_t id() const override { return kId; }
  [[nodiscard]] std::uint32_t parameter() const override { return 0; }
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  std::uint64_t d_;
};

}  // namespace mvsgd::compress
