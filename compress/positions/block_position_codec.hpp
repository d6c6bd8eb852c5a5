// The position code of section 4.3.1 (eq 14).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// Codes a set of positions in [0, d) as positions inside blocks of B coordinates.
///
/// Blocks are coded in order. Each position in a block is a 1 and its offset in w = ceil(log2 B)
/// bits; a 0 closes the block. With d = 16 and B = 4 the set {1, 6, 7, 12} takes 16 bits:
///
///     block      0          1                  2     3
///     positions  1          6       7          -     12
///     bits       1 '01' 0   1 '10'  1 '11' 0   0     1 '00' 0
///
/// (each quoted offset is written as a number; in the stream its least significant bit comes
/// first). So a set of k positions takes exactly k * (1 + w) + ceil(d / B) bits, whichever set it
/// is. B need not be a power of two. If it is none, some offsets are never written, and the decoder
/// refuses them.
class BlockPositionCodec final : public PositionCodec {
 public:
  /// The value of Header::position_codec.
  static constexpr std::uint8_t kId = 1;

  /// Throws std::invalid_argument if d = 0, d >= 2^32, or block_size is 0 or above 2^31.
  BlockPositionCodec(std::uint64_t d, std::uint64_t block_size);

  /// The size that encode() will write for any set of k positions.
  [[nodiscard]] comm::Bits size(std::uint64_t k) const;

  [[nodiscard]] std::uint64_t block_size() const { return block_size_; }

  [[nodiscard]] std::uint8_t id() const override { return kId; }
  [[nodiscard]] std::uint32_t parameter() const override {
    return static_cast<std::uint32_t>(block_size_);
  }
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

  /// The same for a set of unknown size, since the code itself says where it ends. It reads bit by
  /// bit, and is the definition against which the other decode() is tested.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in) const;

  /// The definition of encode(), block by block and position by position.
  void encode_by_definition(std::span<const Index> positions, comm::BitWriter& out) const;

 private:
  [[nodiscard]] std::optional<std::vector<Index>> decode_items(comm::BitReader& in,
                                                               std::uint64_t count) const;

  std::uint64_t d_;
  std::uint64_t block_size_;
  unsigned offset_bits_;
};

}  // namespace mvsgd::compress
