#include "compress/positions/rank_codec.hpp"

#include <stdexcept>
#include <utility>

#include "compress/positions/ranks.hpp"

namespace mvsgd::compress {

CodecByRanks::CodecByRanks(std::shared_ptr<const PositionCodec> of_ranks)
    : of_ranks_(std::move(of_ranks)) {
  if (!of_ranks_) throw std::invalid_argument("RankCodec: a codec of ranks is wanted");
}

comm::Bits CodecByRanks::size(std::span<const Index> positions) const {
  return of_ranks_->size(ranks(positions));
}

void CodecByRanks::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  of_ranks_->encode(ranks(positions), out);
}

std::vector<Index> CodecByRanks::decode(comm::BitReader& in, std::uint64_t count) const {
  return members(of_ranks_->decode(in, count));
}

RankCodec::RankCodec(std::shared_ptr<const PositionCodec> of_ranks, std::vector<Index> superset)
    : CodecByRanks(std::move(of_ranks)), superset_(std::move(superset)) {}

std::vector<Index> RankCodec::ranks(std::span<const Index> positions) const {
  return ranks_of(positions, superset_);
}

std::vector<Index> RankCodec::members(std::span<const Index> ranks) const {
  return members_of(ranks, superset_);
}

OutsideRankCodec::OutsideRankCodec(std::shared_ptr<const PositionCodec> of_ranks,
                                   std::vector<Index> excluded, std::uint64_t d)
    : CodecByRanks(std::move(of_ranks)), excluded_(std::move(excluded)), d_(d) {}

std::vector<Index> OutsideRankCodec::ranks(std::span<const Index> positions) const {
  return ranks_outside(positions, excluded_);
}

std::vector<Index> OutsideRankCodec::members(std::span<const Index> ranks) const {
  return members_outside(ranks, excluded_, d_);
}

}  // namespace mvsgd::compress
