// A vote as what has changed since the sender's last one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"
#include "compress/positions/previous_set.hpp"

namespace mvsgd::compress {

/// Codes a set of K positions in [0, d) against a previous one of as many, which both ends have, or
/// whole, whichever takes fewer bits.
///
/// r members of the previous set are not in the new one, and r others are. The fields are
///
///     change    1 bit: 1 where what follows is r and the lists, 0 where it is the set, in the code
///               of whole sets, and nothing more
///     r         the bits of the largest r that there can be, min(K, d - K)
///     left      the ranks within the previous set of the r that left
///     (compress/positions/ranks.hpp) added     the ranks of the r new ones outside the previous
///     set
///
/// Both lists are in the rANS code (compress/positions/rans_codec.hpp), of [0, K) and of
/// [0, d - K); where r = 0 neither is written.
/// The set is sent as a change where that takes fewer bits than the whole, and else whole. With
/// d = 16, the block code of B = 4 for whole sets and the previous set {1, 6, 7, 12} the set
/// {1, 7, 9, 12} has r = 1: 6 left, of rank 1, and 9 is of rank 6 among the 12 others. Whole it
/// would take 16 bits more than the first one, and as a change it takes 13:
///
///     change   r     left   added
///     1        100   1011   100101
///
/// Law: 1 + bit_width(min(K, d - K)) bits and both lists', which are within 1.012 of
/// log2 C(K, r) + log2 C(d - K, r) for lists of some hundred or more
/// (ChangeCodec.IsWithinTwoPerCentOfTheBound); never more than a bit over the whole.
class ChangeCodec final : public PositionCodec {
 public:
  /// The value of Header::position_codec. make_position_codec() does not make it: it takes more
  /// than a header to read this code.
  static constexpr std::uint8_t kId = 7;

  /// `whole` codes sets of positions in [0, d). Throws std::invalid_argument if it is null, d = 0,
  /// d >= 2^32, or previous is not strictly increasing and below d.
  ChangeCodec(std::uint64_t d, std::vector<Index> previous,
              std::shared_ptr<const PositionCodec> whole);

  [[nodiscard]] std::uint8_t id() const override { return kId; }
  /// That of the code of whole sets.
  [[nodiscard]] std::uint32_t parameter() const override { return whole_->parameter(); }
  [[nodiscard]] bool is_data_dependent() const override { return true; }

  /// Here and below: throws std::invalid_argument if `positions` are not K, strictly increasing and
  /// below d. Cost: O(K) time, and what the size of the whole takes.
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;

  /// Also throws comm::DecodeError if `count` is not K, and if the other form were to be sent.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  /// r and the lists.
  void encode_change(std::span<const Index> positions, comm::BitWriter& out) const;
  [[nodiscard]] std::vector<Index> decode_change(comm::BitReader& in) const;

  std::uint64_t d_;
  PreviousSet previous_;
  std::shared_ptr<const PositionCodec> whole_;
};

}  // namespace mvsgd::compress
