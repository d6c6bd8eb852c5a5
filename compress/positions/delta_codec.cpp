#include "compress/positions/delta_codec.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/ranks.hpp"

namespace mvsgd::compress {
namespace {

void check_set(const char* who, std::span<const Index> set, std::uint64_t d) {
  for (std::size_t j = 0; j < set.size(); ++j) {
    if (set[j] >= d || (j > 0 && set[j] <= set[j - 1])) {
      throw std::invalid_argument(std::string(who) + "[" + std::to_string(j) +
                                  "] = " + std::to_string(set[j]) + " of d = " + std::to_string(d) +
                                  " is out of range or order");
    }
  }
}

std::vector<Index> difference(std::span<const Index> from, std::span<const Index> taken) {
  std::vector<Index> left;
  std::set_difference(from.begin(), from.end(), taken.begin(), taken.end(),
                      std::back_inserter(left));
  return left;
}

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
    : d_(d), previous_(std::move(previous)) {
  if (d == 0 || d > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument("DeltaCodec: d = " + std::to_string(d));
  }
  check_set("DeltaCodec: previous", previous_, d);
}

std::uint64_t DeltaCodec::most() const {
  return std::min<std::uint64_t>(previous_.size(), others());
}

comm::Bits DeltaCodec::size(std::uint64_t r) const {
  if (r > most()) {
    throw std::invalid_argument("DeltaCodec::size: r = " + std::to_string(r) + " of at most " +
                                std::to_string(most()));
  }
  const std::uint64_t k = previous_.size();
  return comm::Bits(static_cast<unsigned>(std::bit_width(most()))) +
         list_size(k, std::min(r, k - r)) + list_size(others(), r);
}

/// The members of the previous set that are not in `mask`, which is checked.
std::vector<Index> DeltaCodec::left_by(std::span<const Index> mask) const {
  if (mask.size() != previous_.size()) {
    throw std::invalid_argument("DeltaCodec: " + std::to_string(mask.size()) + " positions, not " +
                                std::to_string(previous_.size()));
  }
  check_set("DeltaCodec: positions", mask, d_);
  return difference(previous_, mask);
}

comm::Bits DeltaCodec::size(std::span<const Index> mask) const {
  return size(left_by(mask).size());
}

void DeltaCodec::encode(std::span<const Index> mask, comm::BitWriter& out) const {
  const auto left = left_by(mask);
  const std::uint64_t k = previous_.size();
  const std::uint64_t r = left.size();
  out.put(r, static_cast<unsigned>(std::bit_width(most())));
  encode_list(k, ranks_of(2 * r <= k ? left : difference(previous_, left), previous_), out);
  encode_list(others(), ranks_outside(difference(mask, previous_), previous_), out);
}

std::vector<Index> DeltaCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  const std::uint64_t k = previous_.size();
  if (count != k) {
    throw comm::DecodeError("delta code: " + std::to_string(count) + " positions against " +
                            std::to_string(k));
  }
  const std::uint64_t r = in.get(static_cast<unsigned>(std::bit_width(most())));
  if (r > most()) {
    throw comm::DecodeError("delta code: " + std::to_string(r) + " new positions of at most " +
                            std::to_string(most()) + ", before bit " +
                            std::to_string(in.position().count()));
  }
  auto kept = members_of(decode_list(k, std::min(r, k - r), in), previous_);
  if (2 * r <= k) kept = difference(previous_, kept);
  const auto added = members_outside(decode_list(others(), r, in), previous_, d_);
  std::vector<Index> mask(k);
  std::merge(kept.begin(), kept.end(), added.begin(), added.end(), mask.begin());
  return mask;
}

}  // namespace mvsgd::compress
