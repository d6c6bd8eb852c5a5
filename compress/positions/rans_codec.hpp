// A position code near the entropy bound that is fast: gaps by rANS.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/positions/entropy_codec.hpp"
#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// Gaps by range asymmetric numeral systems (J. Duda, arXiv:1311.2540), in four states that take
/// turns (F. Giesen, "Interleaved entropy coders", arXiv:1402.3392). What follows is the whole
/// code, all of it integers, / and >> rounding down.
///
/// Of a set with 2 K > d the list is that of the d - K others. A list of fewer than kFewest is in
/// the entropy code (compress/positions/entropy_codec.hpp). What follows is of longer ones, of K
/// coordinates.
///
/// The scale. A = (d << 16) / K at first: the distance of positions, times 2^16. With
/// e = floor(log2 A) - 16 and h the two bits of A after its highest, the unit is 2^u coordinates,
/// u = max(e - 2, 0), and the row of frequencies is 4 e + h where e < 3, else 12 + h. There are two
/// families of rows, for even lists and for clustered ones. C, 0 at first, says which: the
/// clustered rows where C > 0.
///
/// A gap, the number of coordinates between a position and the one before it (or the start), has a
/// symbol, and plain bits, lowest first:
///
///     units (gap >> u)   symbols                             plain bits
///     0 ... 15           0 ... 15                            u, the low ones of the gap
///     16 ... 127         16 ... 27, four to each doubling    u + 2, u + 3, u + 4, likewise
///     128 ...            28                                  5 for m - u - 7, m = floor(log2 gap),
///                                                            then m, the low ones of the gap
///
/// After each 4 gaps A becomes max(A + (A T >> 12), 2^16), and C becomes C - (C >> 6) + L. T and L
/// are sums over the 4 of what a symbol teaches in its row: by how much the scale grows, and how
/// much likelier clustered rows are. So the scale is about a mean of the last 39 gaps in even rows
/// and of the last 12 in clustered ones, in which a far gap counts less.
///
/// The frequencies f_0, ..., f_28 of a row sum to 1024; compress/positions/gap_rows.hpp has their
/// rule, and that of what they teach. Symbol s has the slots c_s to c_s + f_s - 1, c_s being the
/// sum of the f before it.
///
/// The stream is the four states, 32 bits each, then words of 16 bits, then the plain bits of all
/// gaps in order. Gap i, from 0, has state x number i mod 4: its symbol s is the one of slot
/// x mod 1024, x becomes f_s (x / 1024) + x mod 1024 - c_s, and where that is below 2^16 the next
/// word w is taken, and x becomes 2^16 x + w. A state that is sent is 2^16 or more, and each ends
/// as 2^16. That leaves an encoder no choice: it goes through the gaps backwards from there.
///
/// Law: for independent positions at most 1.006 log2 C(d, K) bits where K <= d / 100, 1.015 of it
/// where K <= d / 4, and 1.03 where K <= d / 2
/// (RansCodec.CostsMoreOfTheEntropyWherePositionsAreDenser); fewer where density varies. The
/// entropy code learns more, and takes up to 1 % less, in about four times the time.
class RansCodec final : public PositionCodec {
 public:
  /// The value of Header::position_codec.
  static constexpr std::uint8_t kId = 9;
  /// Coordinates of a list that is coded as above. Of independent positions the states are then
  /// below 0.002 of it where K <= d / 100, and below 0.008 where K <= d / 2.
  static constexpr std::uint64_t kFewest = 8192;

  /// Throws std::invalid_argument if d = 0 or d >= 2^32.
  explicit RansCodec(std::uint64_t d) : d_(d), of_few_(d) {}

  [[nodiscard]] std::uint8_t id() const override { return kId; }
  [[nodiscard]] std::uint32_t parameter() const override { return 0; }
  [[nodiscard]] bool is_data_dependent() const override { return true; }

  /// Here and below: O(K) time, and O(d) where 2 K > d.
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;

  /// Also refuses at once a list of kFewest or more that is longer than 10 for each bit of `in`:
  /// no symbol has more than 0.931 of the slots. Holds 9 bytes a position at most, before it has
  /// read them.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

  /// encode() in obvious steps, one gap after the other.
  void encode_by_definition(std::span<const Index> positions, comm::BitWriter& out) const;

 private:
  std::uint64_t d_;
  EntropyCodec of_few_;
};

}  // namespace mvsgd::compress
