// A mask as its difference from the last one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"
#include "compress/positions/previous_set.hpp"

namespace mvsgd::compress {

/// The power of two B <= 2^31 at which the block position code of `count` positions in [0, n) is
/// shortest; of several, the lowest. The code takes count (1 + log2 B) + ceil(n / B) bits, and B is
/// about n ln 2 / count. Integers only. Throws std::invalid_argument if n = 0 or n >= 2^32.
[[nodiscard]] std::uint64_t shortest_block(std::uint64_t n, std::uint64_t count);

/// Codes a set of K positions in [0, d) against a previous set of K, which both ends have.
///
/// r members of the previous set are not in the new one, and r others are. The fields are
///
///     r            in as many bits as its largest value, min(K, d - K), has
///     left or kept the ranks (ranks.hpp) within the previous set: if 2 r <= K of the r members
///                  that left, else of the K - r that are kept
///     added        the ranks outside the previous set of the r new members
/// Both lists are in the block position code of [0, K) and [0, d - K), with the block sizes
/// shortest_block(K, members) and shortest_block(d - K, r). A list without members is not written.
/// Example: with d = 16 and the previous set {1, 6, 7, 12}, the set {1, 7, 9, 12} has r = 1: 6
/// left, of rank 1, and 9 is of rank 6 among the 12 others. The block sizes are 2 and 4, and it
/// takes 13 bits:
///
///     block     0        1   0   1         2
///     1         1 '1' 0  0   0   1 '10' 0  0
///
/// (r in 3 bits and each offset written as numbers; in the stream the lowest bit comes first).
class DeltaCodec final : public PositionCodec {
 public:
  /// The value of Header::position_codec. make_position_codec() does not make this codec, since a
  /// header is not enough to read its code.
  static constexpr std::uint8_t kId = 6;

  /// Throws std::invalid_argument if d = 0, d >= 2^32, or previous is not strictly increasing and
  /// below d.
  DeltaCodec(std::uint64_t d, std::vector<Index> previous);

  /// The size that encode() will write for any set that differs from the previous one in r members.
  /// With s = min(r, K - r) and the two block sizes 2^a and 2^b that is
  ///
  ///   bit_width(min(K, d - K)) + s (1 + a) + ceil(K / 2^a) + r (1 + b) + ceil((d - K) / 2^b)
  ///
  /// without the terms of a list that has no members. Throws std::invalid_argument if r > K or
  /// r > d - K.
  [[nodiscard]] comm::Bits size(std::uint64_t r) const;

  [[nodiscard]] std::uint8_t id() const override { return kId; }
  [[nodiscard]] std::uint32_t parameter() const override { return 0; }
  [[nodiscard]] bool is_data_dependent() const override { return true; }

  /// Here and below: throws std::invalid_argument if `mask` is not K strictly increasing positions
  /// below d. Cost: O(K) time, and O(d / B) for the blocks of encode() and decode().
  [[nodiscard]] comm::Bits size(std::span<const Index> mask) const override;
  void encode(std::span<const Index> mask, comm::BitWriter& out) const override;

  /// Also throws comm::DecodeError if `count` is not K.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  /// The members of the previous set that are not in `mask`, which is checked.
  [[nodiscard]] std::vector<Index> left_by(std::span<const Index> mask) const;

  std::uint64_t d_;
  PreviousSet previous_;
};

}  // namespace mvsgd::compress
