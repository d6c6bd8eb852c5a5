#include "compress/positions/rank_codec.hpp"

#include <stdexcept>
#include <utility>

#include "compress/positions/ranks.hpp"

namespace mvsgd::compress {

RankCodec::RankCodec(std::shared_ptr<const PositionCodec> of_ranks, std::vector<Index> superset)
    : of_ranks_(std::move(of_ranks)), superset_(std::move(superset)) {
  if (!of_ranks_) throw std::invalid_argument("RankCodec: a codec of ranks is wanted");
}

comm::Bits RankCodec::size(std::span<const Index> positions) const {
  return of_ranks_->size(ranks_of(positions, superset_));
}

void RankCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  of_ranks_->encode(ranks_of(positions, superset_), out);
}

std::vector<Index> RankCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  return members_of(of_ranks_->decode(in, count), superset_);
}

OutsideRankCodec::OutsideRankCodec(std::shared_ptr<const PositionCodec> of_ranks,
                                   std::vector<Index> excluded, std::uint64_t d)
    : of_ranks_(std::move(of_ranks)), excluded_(std::move(excluded)), d_(d) {
  if (!of_ranks_) throw std::invalid_argument("OutsideRankCodec: a codec of ranks is wanted");
}

comm::Bits OutsideRankCodec::size(std::span<const Index> positions) const {
  return of_ranks_->size(ranks_outside(positions, excluded_));
}

void OutsideRankCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  of_ranks_->encode(ranks_outside(positions, excluded_), out);
}

std::vector<Index> OutsideRankCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  return members_outside(of_ranks_->decode(in, count), excluded_, d_);
}

}  // namespace mvsgd::compress
