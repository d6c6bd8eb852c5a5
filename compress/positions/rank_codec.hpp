// A subset of a set that both ends have, or of its complement, coded as its ranks there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// Codes subsets of a set of K positions, which both ends have, as their ranks within it
/// (compress/positions/ranks.hpp), by a codec of [0, K). It has that codec's id, parameter and
/// bits. A header's dimension, K, says that ranks are meant.
class RankCodec final : public PositionCodec {
 public:
  /// Throws std::invalid_argument if `of_ranks` is null.
  RankCodec(std::shared_ptr<const PositionCodec> of_ranks, std::vector<Index> superset);

  [[nodiscard]] std::uint8_t id() const override { return of_ranks_->id(); }
  [[nodiscard]] std::uint32_t parameter() const override { return of_ranks_->parameter(); }
  [[nodiscard]] bool is_data_dependent() const override { return of_ranks_->is_data_dependent(); }

  /// Here and below: throws std::invalid_argument if `positions` is no subset. Cost: a merge, O(K).
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;

  /// Also throws comm::DecodeError if the codec of ranks reads one that is not below K.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  std::shared_ptr<const PositionCodec> of_ranks_;
  std::vector<Index> superset_;
};

/// Codes subsets of [0, d) without a set of K positions, which both ends have, as their ranks
/// outside it, by a codec of [0, d - K). As above a header says so by its dimension, d - K.
class OutsideRankCodec final : public PositionCodec {
 public:
  /// Throws std::invalid_argument if there is no codec of ranks.
  OutsideRankCodec(std::shared_ptr<const PositionCodec> of_ranks, std::vector<Index> excluded,
                   std::uint64_t d);

  [[nodiscard]] std::uint8_t id() const override { return of_ranks_->id(); }
  [[nodiscard]] std::uint32_t parameter() const override { return of_ranks_->parameter(); }
  [[nodiscard]] bool is_data_dependent() const override { return of_ranks_->is_data_dependent(); }

  /// Here and below: throws std::invalid_argument if `positions` has a member of the set. Cost: a
  /// merge, O(K).
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;

  /// Also throws comm::DecodeError if the codec of ranks reads one that is not below d - K.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  std::shared_ptr<const PositionCodec> of_ranks_;
  std::vector<Index> excluded_;
  std::uint64_t d_;
};

}  // namespace mvsgd::compress
