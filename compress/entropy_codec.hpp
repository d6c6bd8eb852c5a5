// A position code near the entropy bound that learns how dense the set is where it stands.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/position_codec.hpp"

namespace mvsgd::compress {

/// An adaptive binary range coder of gaps. What follows is the whole code: integers only, / rounds
/// down and >> does so of negative numbers too.
///
/// The number. A stream is a binary fraction 0 <= V < 1, its first bit worth 1/2. Coding narrows an
/// interval [L, L + R), at first L = 0 and R = 2^64 - 1 in units of 2^-64. A decision of
/// probability p (of a 1, in units of 2^-16) takes b = (R >> 16) p: a 1 leaves R = b, a 0 adds b to
/// L and leaves R - b. A plain field of n <= 16 bits and value v leaves R = R >> n and then adds
/// v R to L. Whenever R is below 2^32 after either, the unit is divided, and L and R are
/// multiplied, by 2^32. At the end V is the lowest multiple of 2^-t that is at least L and has
/// V + 2^-t <= L + R, for the lowest t at which there is one; its t bits are the stream, which is
/// so told from whatever follows it.
///
/// A probability is a number P of 32 bits and a count c, and p = P >> 16. After a decision c < 1000
/// grows by 1, and P by ((T - P) (131072 / (2 c + 1))) >> 16 with that c, where T = 2^32 - 2^22
/// after a 1 and 2^22 after a 0. All start at c = 24.
///
/// The scale. A = (d << 16) / K at first and A + ((gap + 1) << 11) - (A >> 5) after each gap: the
/// mean distance over the last 32 positions or so, times 2^16. With e = floor(log2 A) - 16 the
/// unit is 2^u, u = max(e - 2, 0). Everything below has a probability of its own for each e and
/// each h, the bit of A after its first: how the set looks where it is so dense.
///
/// A gap, the number of coordinates between a position and the one before (or the start), belongs
/// to a group: group g has 4 units, those from g = 8 on 8, 16, 32, .... units. Decisions:
///
///     1 for each group that is passed, 0 in its own    with probability `more` of min(g, 3)
///     the two highest bits of the offset in the group  with `high`, and `low` of the high one,
///                                                      of min(g, 1)
///     the others as plain fields, the highest first, each of 16 bits but the last
///
/// and P starts at these multiples of 2^16 (what a geometric gap has in the middle of each h):
///
///               more    high    low
///     h = 0    28966   26173   29434
///     h = 1    36707   28053   30398
///
/// So where positions are independent the code has log2 C(d, K) bits and about one in a thousand
/// more (EntropyCodec.IsWithinTwoThousandthsOfTheEntropyOnUniformSupports), and where layers differ
/// in density, fewer. K = 0 takes one bit.
class EntropyCodec final : public PositionCodec {
 public:
  /// The value of Header::position_codec.
  static constexpr std::uint8_t kId = 5;

  /// Throws std::invalid_argument if d = 0 or d >= 2^32.
  explicit EntropyCodec(std::uint64_t d);

  [[nodiscard]] std::uint8_t id() const override { return kId; }
  [[nodiscard]] std::uint32_t parameter() const override { return 0; }
  [[nodiscard]] bool is_data_dependent() const override { return true; }

  /// Costs as much time as encode().
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;

  /// Also refuses a count above 256 for each bit of the stream: a position has three decisions, of
  /// at least log2(1024 / 1023) bits each.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  std::uint64_t d_;
};

}  // namespace mvsgd::compress
