// A subset of a set that both ends have, or of its complement, coded as its ranks there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// Codes positions as ranks, by a codec of ranks. It has that codec's id, parameter and bits; a
/// header's dimension says that ranks are meant, and of how many.
class CodecByRanks : public PositionCodec {
 public:
  [[nodiscard]] std::uint8_t id() const final { return of_ranks_->id(); }
  [[nodiscard]] std::uint32_t parameter() const final { return of_ranks_->parameter(); }
  [[nodiscard]] bool is_data_dependent() const final { return of_ranks_->is_data_dependent(); }

  /// Here and below: throws std::invalid_argument if a position has no rank. Cost: a merge, O(K).
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const final;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const final;

  /// Also throws comm::DecodeError if the codec of ranks reads one that is not below the dimension.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const final;

 protected:
  /// Throws std::invalid_argument if `of_ranks` is null.
  explicit CodecByRanks(std::shared_ptr<const PositionCodec> of_ranks);

 private:
  [[nodiscard]] virtual std::vector<Index> ranks(std::span<const Index> positions) const = 0;
  [[nodiscard]] virtual std::vector<Index> members(std::span<const Index> ranks) const = 0;

  std::shared_ptr<const PositionCodec> of_ranks_;
};

/// Codes subsets of a set of K positions, which both ends have, as their ranks within it
/// (compress/positions/ranks.hpp), by a codec of [0, K): the dimension of a header.
class RankCodec final : public CodecByRanks {
 public:
  /// Throws std::invalid_argument if `of_ranks` is null.
  RankCodec(std::shared_ptr<const PositionCodec> of_ranks, std::vector<Index> superset);

 private:
  [[nodiscard]] std::vector<Index> ranks(std::span<const Index> positions) const override;
  [[nodiscard]] std::vector<Index> members(std::span<const Index> ranks) const override;

  std::vector<Index> superset_;
};

/// Codes subsets of [0, d) without a set of K positions, which both ends have, as their ranks
/// outside it, by a codec of [0, d - K): the dimension of a header.
class OutsideRankCodec final : public CodecByRanks {
 public:
  /// Throws std::invalid_argument if `of_ranks` is null.
  OutsideRankCodec(std::shared_ptr<const PositionCodec> of_ranks, std::vector<Index> excluded,
                   std::uint64_t d);

 private:
  [[nodiscard]] std::vector<Index> ranks(std::span<const Index> positions) const override;
  [[nodiscard]] std::vector<Index> members(std::span<const Index> ranks) const override;

  std::vector<Index> excluded_;
  std::uint64_t d_;
};

}  // namespace mvsgd::compress
