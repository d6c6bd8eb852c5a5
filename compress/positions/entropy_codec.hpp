// A position code near the entropy bound. It learns how dense the set is, place by place.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// An adaptive binary range coder of gaps, completely defined here. All numbers are integers;
/// division rounds down, and so does >>, of negative numbers too.
///
/// The stream is a number, then the plain bits of all gaps in order (each gap's lowest bit first).
///
/// The number is a binary fraction 0 <= V < 1, its first bit worth 1/2. Decisions narrow an
/// interval [L, L + R), at first L = 0 and R = 2^64 - 1 in units of 2^-64. A decision of
/// probability p (of a 1, in units of 2^-16) takes b = (R >> 16) p: a 1 leaves R = b, a 0 adds b to
/// L and leaves R - b. If that leaves R below 2^32, the unit is divided by 2^32, and L and R are
/// multiplied by it. At the end V is the lowest multiple of 2^-t that has L <= V and
/// V + 2^-t <= L + R, for the lowest t >= 1 for which one exists. Its t bits are written; a decoder
/// need read no more, whatever follows.
///
/// A probability is a number P of 32 bits and a count c, which starts at 24; p = P >> 16. After a
/// decision c grows by 1, to 500 at most. Then, with the new c, P grows by
/// ((T - P) (131072 / (2 c + 1))) >> 16, where T is 2^32 - 2^22 after a 1 and 2^22 after a 0.
///
/// The scale. A = (d << 16) / max(K, 1) at first: the distance of positions, times 2^16. With
/// e = floor(log2 A) - 16 the unit is 2^u, u = max(e - 1, 0), so that 4 units are one or two
/// distances.
/// h is the bit of A after its highest. Each pair of e and h has its own probabilities for the
/// decisions below: they learn the distribution of gaps where the set has that density.
///
/// A gap, the number of coordinates between a position and the one before it (or the start), is in
/// one of the groups 0, 1, .... Groups 0 to 5 have 4 units each, and the next ones 8, 16, 32, ....
/// A quarter of a group is 2^n coordinates. The decisions are
///
///     more    1 for each group g that is passed, then 0    a probability for each min(g, 3)
///     high    high bit of the quarter within group g       a probability for each min(g, 1)
///     low     low bit of it                                for each min(g, 1) and high bit
///     half    if the quarter begins at gap 0 and n > 0, the half of it: n is then less by 1
///
/// and the offset within the quarter or half is the gap's n plain bits. If that begins at gap b, A
/// grows by ((2 b + 2^n + 1) << 11) - (A >> 4): a mean over about the last 16 positions. P starts
/// at 2^16 times these values, which hold for independent positions in the middle of h:
///
///               more    high    low    half
///     h = 0    12806   20090   26172   29434
///     h = 1    20557   23527   28052   30398
///
/// With d = 32 the set {1, 9, 10, 29} takes 19 bits, the number's 16 and three plain ones:
///
///     position  gap  e  h  n  decisions                                plain
///     1         1    3  0  1  more 0, high 0, low 0, half 0            1
///     9         7    2  1  1  more 0, high 1, low 1                    1
///     10        0    2  1  0  more 0, high 0, low 0, half 0
///     29        18   2  1  1  more 1, more 1, more 0, high 0, low 1    0
///                             1110001111101101                         110
///
/// Law: for independent positions about 1.0015 log2 C(d, K) bits, and some tens more, in which the
/// probabilities are learnt: at most 1.0025 log2 C(d, K) + 80 where 2 K <= d. Fewer where density
/// varies, for example by layer
/// (EntropyCodec.CostsAtMost1002ThousandthsOfTheEntropyOnUniformSupports,
/// EntropyCodec.LearnsAnyDensityInAtMostEightyBits and
/// EntropyCodec.IsThreePercentBelowRiceWhereLayersDifferInDensity). K = 0 takes one bit.
class EntropyCodec final : public PositionCodec {
 public:
  /// The value of Header::position_codec.
  static constexpr std::uint8_t kId = 5;

  /// Throws std::invalid_argument if d = 0 or d >= 2^32.
  explicit EntropyCodec(std::uint64_t d);

  [[nodiscard]] std::uint8_t id() const override { return kId; }
  [[nodiscard]] std::uint32_t parameter() const override { return 0; }
  [[nodiscard]] bool is_data_dependent() const override { return true; }

  /// Takes as much time as encode().
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;

  /// Also refuses at once a count above 256 for each bit of `in`: a position has at least three
  /// decisions of at least log2(1024 / 1023) bits each, less an allowance for rounding.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  std::uint64_t d_;
};

}  // namespace mvsgd::compress
