// The position code of section 4.3.1 with offsets packed in base B. It meets eq 14's fractional
// logarithm if B is no power of two.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// Codes a set of positions in [0, d) as positions inside blocks of B coordinates, with m offsets
/// packed into one number.
///
/// First come the flags of the paper's code: for each block, in order, a 1 for each of its
/// positions and a 0. Then come the offsets o_0, o_1, ... of all positions, m at a time as
/// o_0 + o_1 B + o_2 B^2 + ... in w(m) bits, w(i) = ceil(log2 B^i). At the end i < m offsets may be
/// left, which take w(i) bits. m is the number with the least w(m) / m among those with B^m < 2^64;
/// of several, the least. For B = 100, m is 3: its 20 bits are 6.667 an offset, where
/// log2(100) = 6.644. Example: with d = 20 and B = 5, where m = 3 and w(3) = 7, the set
/// {1, 6, 7, 12} takes 18 bits:
///
///     block      0     1       2     3
///     positions  1     6 7     12    -
///     bits       1 0   1 1 0   1 0   0   '56' '2'
///
/// (1 + 1 B + 2 B^2 = 56 in 7 bits, 2 in 3 bits; in the stream the least significant bit comes
/// first). So any set of K positions takes exactly K + ceil(d / B) + floor(K / m) w(m) + w(K mod m)
/// bits. B need not be a power of two. If it is none, some numbers are never written, and the
/// decoder refuses them.
class RadixCodec final : public PositionCodec {
 public:
  /// The value of Header::position_codec.
  static constexpr std::uint8_t kId = 4;

  /// Throws std::invalid_argument if d = 0, d >= 2^32, or block_size is 0 or above 2^31.
  RadixCodec(std::uint64_t d, std::uint64_t block_size);

  /// m.
  [[nodiscard]] std::uint64_t group() const { return group_; }

  /// The size that encode() will write for any set of k <= d positions.
  [[nodiscard]] comm::Bits size(std::uint64_t k) const;

  [[nodiscard]] std::uint8_t id() const override { return kId; }
  [[nodiscard]] std::uint32_t parameter() const override {
    return static_cast<std::uint32_t>(block_size_);
  }
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  std::uint64_t d_;
  std::uint64_t block_size_;
  std::uint64_t group_ = 1;
  unsigned group_bits_;  // w(m)
};

}  // namespace mvsgd::compress
