// A vote as its changes from the sender's last one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"
#include "compress/positions/previous_set.hpp"

namespace mvsgd::compress {

/// Codes a set of K positions in [0, d). It codes the set as changes from a previous set of K,
/// which both ends have, or as a whole, whichever takes fewer bits.
///
/// r members of the previous set are not in the new one, and r others are. The fields are
///
///     change    1 bit: 1 if r and the lists follow; 0 if only the set follows, in the code of
///               whole sets
///     r         in as many bits as its largest value, min(K, d - K), has
///     left      the ranks (ranks.hpp) within the previous set of the r members that left
///     added     the ranks outside the previous set of the r new members
///
/// Both lists are in the rANS code (rans_codec.hpp), of [0, K) and of [0, d - K); neither is
/// written if r = 0. The set is sent as a change if that takes fewer bits than the whole, and else
/// as a whole. Example: d = 16, the block code of B = 4 for whole sets, and the previous set {1, 6,
/// 7, 12}. The set {1, 7, 9, 12} has r = 1: 6 left, of rank 1, and 9 is of rank 6 among the 12
/// others. As a whole it would take 16 bits after the first one; as a change it takes 13:
///
///     change   r     left   added
///     1        100   1011   100101
///
/// Law: 1 + bit_width(min(K, d - K)) bits and the bits of both lists. With K = 1,765 of d = 176,402
/// and r = 200 or more it is within 1.02 of log2 C(K, r) + log2 C(d - K, r)
/// (ChangeCodec.IsWithinTwoPerCentOfTheBound). The code never takes more than one bit more than the
/// whole.
class ChangeCodec final : public PositionCodec {
 public:
  /// The value of Header::position_codec. make_position_codec() does not make this codec, since a
  /// header is not enough to read its code.
  static constexpr std::uint8_t kId = 7;

  /// `whole` codes sets of positions in [0, d). Throws std::invalid_argument if it is null, d = 0,
  /// d >= 2^32, or previous is not strictly increasing and below d.
  ChangeCodec(std::uint64_t d, std::vector<Index> previous,
              std::shared_ptr<const PositionCodec> whole);

  [[nodiscard]] std::uint8_t id() const override { return kId; }
  /// The parameter of the code of whole sets.
  [[nodiscard]] std::uint32_t parameter() const override { return whole_->parameter(); }
  [[nodiscard]] bool is_data_dependent() const override { return true; }

  /// Here and below: throws std::invalid_argument if `positions` are not K strictly increasing ones
  /// below d. Cost: O(K) time, and the time of the whole's size.
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;

  /// Also throws comm::DecodeError if `count` is not K, or if the sender should have taken the
  /// other form.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  /// Writes r and the lists.
  void encode_change(std::span<const Index> positions, comm::BitWriter& out) const;
  [[nodiscard]] std::vector<Index> decode_change(comm::BitReader& in) const;

  PreviousSet previous_;
  std::shared_ptr<const PositionCodec> whole_;
};

}  // namespace mvsgd::compress
