#include "compress/positions/delta_codec.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/ranks.hpp"

namespace mvsgd::compress {
namespace {

BlockPositionCodec list_codec(std::uint64_t n, std::uint64_t count) {
  return {n, shortest_block(n, count)};
}

comm::Bits list_size(std::uint64_t n, std::uint64_t count) {
  return count == 0 ? comm::Bits(0) : list_codec(n, count).size(count);
}

void encode_list(std::uint64_t n, const std::vector<Index>& ranks, comm::BitWriter& out) {
  if (!ranks.empty()) list_codec(n, ranks.size()).encode(ranks, out);
}

std::vector<Index> decode_list(std::uint64_t n, std::uint64_t count, comm::BitReader& in) {
  if (count == 0) return {};
  return list_codec(n, count).decode(in, count);
}

}  // namespace

std::uint64_t shortest_block(std::uint64_t n, std::uint64_t count) {
  std::uint64_t best = 1;
  for (std::uint64_t block = 1; block <= std::uint64_t{1} << 31; block *= 2) {
    if (BlockPositionCodec(n, block).size(count) < BlockPositionCodec(n, best).size(count)) {
      best = block;
    }
  }
  return best;
}

DeltaCodec::DeltaCodec(std::uint64_t d, std::vector<Index> previous)
    : d_(d), previous_("DeltaCodec", d, std::move(previous)) {}

comm::Bits DeltaCodec::size(std::uint64_t r) const {
  if (r > previous_.most()) {
    throw std::invalid_argument("DeltaCodec::size: r = " + std::to_string(r) + " of at most " +
                                std::to_string(previous_.most()));
  }
  const std::uint64_t k = previous_.size();
  return comm::Bits(previous_.count_bits()) + list_size(k, std::min(r, k - r)) +
         list_size(previous_.others(), r);
}

std::vector<Index> DeltaCodec::left_by(std::span<const Index> mask) const {
  previous_.check(mask);
  return difference(previous_.members(), mask);
}

comm::Bits DeltaCodec::size(std::span<const Index> mask) const {
  return size(left_by(mask).size());
}

void DeltaCodec::encode(std::span<const Index> mask, comm::BitWriter& out) const {
  const std::vector<Index>& last = previous_.members();
  const auto left = left_by(mask);
  const std::uint64_t k = previous_.size();
  const std::uint64_t r = left.size();
  out.put(r, previous_.count_bits());
  encode_list(k, ranks_of(2 * r <= k ? left : difference(last, left), last), out);
  encode_list(previous_.others(), ranks_outside(difference(mask, last), last), out);
}

std::vector<Index> DeltaCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  const std::uint64_t k = previous_.size();
  if (count != k) {
    throw comm::DecodeError("delta code: " + std::to_string(count) + " positions against " +
                            std::to_string(k));
  }
  const std::vector<Index>& last = previous_.members();
  const std::uint64_t r = in.get(previous_.count_bits());
  if (r > previous_.most()) {
    throw comm::DecodeError("delta code: " + std::to_string(r) + " new positions of at most " +
                            std::to_string(previous_.most()) + ", before bit " +
                            std::to_string(in.position().count()));
  }
  auto kept = members_of(decode_list(k, std::min(r, k - r), in), last);
  if (2 * r <= k) kept = difference(last, kept);
  return merged(kept, members_outside(decode_list(previous_.others(), r, in), last, d_));
}

}  // namespace mvsgd::compress
