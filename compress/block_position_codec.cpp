#include "compress/block_position_codec.hpp"

#include <bit>
#include <limits>
#include <stdexcept>
#include <string>

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
  const std::uint64_t blocks = (d_ + block_size_ - 1) / block_size_;
  return comm::Bits(k * (1 + offset_bits_) + blocks);
}

void BlockPositionCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  for (std::size_t j = 0; j < positions.size(); ++j) {
    if (positions[j] >= d_ || (j > 0 && positions[j] <= positions[j - 1])) {
      throw std::invalid_argument("BlockPositionCodec::encode: positions[" + std::to_string(j) +
                                  "] = " + std::to_string(positions[j]) +
                                  " of d = " + std::to_string(d_) + " is out of range or order");
    }
  }
  out.reserve(size(positions.size()));
  auto next = positions.begin();
  for (std::uint64_t begin = 0; begin < d_; begin += block_size_) {
    for (; next != positions.end() && *next - begin < block_size_; ++next) {
      out.put(1 | (*next - begin) << 1, 1 + offset_bits_);
    }
    out.put(0, 1);
  }
}

std::vector<Index> BlockPositionCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  std::vector<Index> positions = decode(in);
  if (positions.size() != count) {
    refuse(std::to_string(positions.size()) + " positions, not " + std::to_string(count), in);
  }
  return positions;
}

std::vector<Index> BlockPositionCodec::decode(comm::BitReader& in) const {
  std::vector<Index> positions;
  for (std::uint64_t begin = 0; begin < d_; begin += block_size_) {
    std::uint64_t lowest = 0;  // offset that the next position of this block may have
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
