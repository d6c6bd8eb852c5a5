#include "compress/positions/radix_codec.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>
#include <string>

#include "compress/positions/position_items.hpp"

namespace mvsgd::compress {
namespace {

std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
  std::uint64_t result = 1;
  while (exponent-- > 0) result *= base;
  return result;
}

// w(i): the bits of a number below B^i.
unsigned width(std::uint64_t block_size, std::uint64_t i) {
  return static_cast<unsigned>(std::bit_width(power(block_size, i) - 1));
}

}  // namespace

RadixCodec::RadixCodec(std::uint64_t d, std::uint64_t block_size) : d_(d), block_size_(block_size) {
  constexpr std::uint64_t kLargestBlock = std::uint64_t{1} << 31;
  if (d == 0 || d > std::numeric_limits<Index>::max() || block_size == 0 ||
      block_size > kLargestBlock) {
    throw std::invalid_argument("RadixCodec: d = " + std::to_string(d) +
                                ", B = " + std::to_string(block_size));
  }
  group_bits_ = width(block_size, 1);
  if (std::has_single_bit(block_size)) return;  // an offset wastes nothing
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  for (std::uint64_t m = 2; power(block_size, m - 1) <= kMost / block_size; ++m) {
    const unsigned bits = width(block_size, m);
    if (bits * group_ < group_bits_ * m) {
      group_ = m;
      group_bits_ = bits;
    }
  }
}

comm::Bits RadixCodec::size(std::uint64_t k) const {
  return comm::Bits(k + ceil_div(d_, block_size_) + k / group_ * group_bits_ +
                    width(block_size_, k % group_));
}

comm::Bits RadixCodec::size(std::span<const Index> positions) const {
  check_positions("RadixCodec::size", positions, d_);
  return size(positions.size());
}

void RadixCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  check_positions("RadixCodec::encode", positions, d_);
  const comm::Bits size_in_all = size(positions.size());
  out.reserve(size_in_all);
  const BlockDivider divider(block_size_);
  ItemWriter items(out, size_in_all);
  std::uint64_t block = 0;
  for (const Index position : positions) {
    const std::uint64_t its = divider.divide(position).block;
    items.item(its - block, 0, 0);
    block = its;
  }
  items.zeros(ceil_div(d_, block_size_) - block);

  const std::uint64_t block_size = block_size_;
  const std::uint64_t m = group_;
  for (std::size_t begin = 0; begin < positions.size(); begin += m) {
    const std::size_t in_group = std::min<std::size_t>(m, positions.size() - begin);
    std::uint64_t packed = 0;
    for (std::size_t j = begin + in_group; j-- > begin;) {
      packed = packed * block_size + divider.divide(positions[j]).offset;
    }
    const unsigned bits = in_group == m ? group_bits_ : width(block_size_, in_group);
    if (bits > 0) items.put(packed, bits);
  }
  items.finish();
}

std::vector<Index> RadixCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  if (count > d_ || size(count) > in.remaining()) {
    throw comm::DecodeError("radix code: " + std::to_string(count) + " positions of d = " +
                            std::to_string(d_) + " in " + std::to_string(in.remaining().count()) +
                            " bits, before bit " + std::to_string(in.position().count()));
  }
  const std::uint64_t blocks = ceil_div(d_, block_size_);
  ItemReader items(in, 0, blocks);
  comm::BitReader groups = in;
  groups.skip(comm::Bits(count + blocks));

  std::vector<Index> positions(count);
  std::uint64_t block = 0;
  std::uint64_t lowest = 0;  // the lowest next position
  for (std::size_t begin = 0; begin < count; begin += group_) {
    const auto group = std::span(positions).subspan(begin, std::min(group_, count - begin));
    const unsigned bits = group.size() == group_ ? group_bits_ : width(block_size_, group.size());
    std::uint64_t packed = bits == 0 ? 0 : groups.peek() & (~std::uint64_t{0} >> (64 - bits));
    groups.skip(comm::Bits(bits));
    for (Index& position : group) {
      block += items.next().run;
      const std::uint64_t read = block * block_size_ + packed % block_size_;
      packed /= block_size_;
      if (read < lowest || read >= d_) {
        throw comm::DecodeError(
            "radix code: position " + std::to_string(read) + " of d = " + std::to_string(d_) +
            " is out of range or order, before bit " + std::to_string(groups.position().count()));
      }
      position = static_cast<Index>(read);
      lowest = read + 1;
    }
    if (packed != 0) {
      throw comm::DecodeError("radix code: a group of " + std::to_string(group.size()) +
                              " offsets is not below B to that power, before bit " +
                              std::to_string(groups.position().count()));
    }
  }
  comm::BitReader flags = items.rest();
  read_zeros(flags, blocks - block);
  in = groups;
  return positions;
}

}  // namespace mvsgd::compress
