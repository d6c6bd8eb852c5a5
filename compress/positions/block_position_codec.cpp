#include "compress/positions/block_position_codec.hpp"

#include <bit>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/positions/position_items.hpp"

namespace mvsgd::compress {
namespace {

[[noreturn]] void refuse(const std::string& what, const comm::BitReader& in) {
  throw comm::DecodeError("block position code: " + what + ", before bit " +
                          std::to_string(in.position().count()));
}

}  // namespace

BlockPositionCodec::BlockPositionCodec(std::uint64_t d, std::uint64_t block_size)
    : d_(d), block_size_(block_size), offset_bits_(0) {
  constexpr std::uint64_t kLargestBlock = std::uint64_t{1} << 31;
  if (d == 0 || d > std::numeric_limits<Index>::max() || block_size == 0 ||
      block_size > kLargestBlock) {
    throw std::invalid_argument("BlockPositionCodec: d = " + std::to_string(d) +
                                ", B = " + std::to_string(block_size));
  }
  offset_bits_ = static_cast<unsigned>(std::bit_width(block_size - 1));  // ceil(log2 B)
}

comm::Bits BlockPositionCodec::size(std::uint64_t k) const {
  return comm::Bits(k * (1 + offset_bits_) + ceil_div(d_, block_size_));
}

comm::Bits BlockPositionCodec::size(std::span<const Index> positions) const {
  check_positions("BlockPositionCodec::size", positions, d_);
  return size(positions.size());
}

void BlockPositionCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  check_positions("BlockPositionCodec::encode", positions, d_);
  const comm::Bits bits = size(positions.size());
  out.reserve(bits);
  const BlockDivider divider(block_size_);
  const unsigned w = offset_bits_;
  ItemWriter items(out, bits);
  std::uint64_t block = 0;
  for (const Index position : positions) {
    const auto [its, offset] = divider.divide(position);
    items.item(its - block, offset, w);
    block = its;
  }
  items.zeros(ceil_div(d_, block_size_) - block);
  items.finish();
}

void BlockPositionCodec::encode_by_definition(std::span<const Index> positions,
                                              comm::BitWriter& out) const {
  check_positions("BlockPositionCodec::encode_by_definition", positions, d_);
  auto next = positions.begin();
  for (std::uint64_t begin = 0; begin < d_; begin += block_size_) {
    for (; next != positions.end() && *next - begin < block_size_; ++next) {
      out.put(1 | (*next - begin) << 1, 1 + offset_bits_);
    }
    out.put(0, 1);
  }
}

// The set, and the stream after it; nullopt if the bits are not those of such a set.
std::optional<std::vector<Index>> BlockPositionCodec::decode_items(comm::BitReader& in,
                                                                   std::uint64_t count) const {
  if (count > d_ || size(count) > in.remaining()) return std::nullopt;
  const std::uint64_t blocks = ceil_div(d_, block_size_);
  try {
    ItemReader items(in, offset_bits_, blocks);
    std::vector<Index> positions(count);
    std::uint64_t block = 0;
    std::uint64_t lowest = 0;  // the lowest next position
    for (Index& position : positions) {
      const Item item = items.next();
      block += item.run;
      const std::uint64_t read = block * block_size_ + item.offset;
      if (item.offset >= block_size_ || read < lowest || read >= d_) return std::nullopt;
      position = static_cast<Index>(read);
      lowest = read + 1;
    }
    comm::BitReader rest = items.rest();
    read_zeros(rest, blocks - block);
    in = rest;
    return positions;
  } catch (const comm::DecodeError&) {
    return std::nullopt;
  }
}

std::vector<Index> BlockPositionCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  if (auto positions = decode_items(in, count)) return *std::move(positions);
  std::vector<Index> positions = decode(in);  // its error says what is wrong, and where
  if (positions.size() != count) {
    refuse(std::to_string(positions.size()) + " positions, not " + std::to_string(count), in);
  }
  return positions;
}

std::vector<Index> BlockPositionCodec::decode(comm::BitReader& in) const {
  std::vector<Index> positions;
  for (std::uint64_t begin = 0; begin < d_; begin += block_size_) {
    std::uint64_t lowest = 0;  // the lowest offset of this block's next position
    while (in.get(1) == 1) {
      const std::uint64_t offset = in.get(offset_bits_);
      if (offset >= block_size_) {
        refuse("offset " + std::to_string(offset) + " in a block of " + std::to_string(block_size_),
               in);
      }
      if (begin + offset >= d_) {
        refuse("position " + std::to_string(begin + offset) + " of d = " + std::to_string(d_), in);
      }
      if (offset < lowest) {
        refuse("position " + std::to_string(begin + offset) + " is out of order", in);
      }
      positions.push_back(static_cast<Index>(begin + offset));
      lowest = offset + 1;
    }
  }
  return positions;
}

}  // namespace mvsgd::compress
