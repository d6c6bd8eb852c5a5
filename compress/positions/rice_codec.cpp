#include "compress/positions/rice_codec.hpp"

#include <bit>
#include <limits>
#include <stdexcept>
#include <string>

#include "compress/positions/position_items.hpp"

namespace mvsgd::compress {
namespace {

__extension__ using Wide = unsigned __int128;

// The square of a fraction in units of 2^-64, rounded down.
std::uint64_t square(std::uint64_t x) { return static_cast<std::uint64_t>(Wide{x} * x >> 64); }

}  // namespace

unsigned rice_parameter(std::uint64_t d, std::uint64_t k) {
  if (d == 0 || d > std::numeric_limits<Index>::max() || k > d) {
    throw std::invalid_argument("rice_parameter: K = " + std::to_string(k) +
                                " of d = " + std::to_string(d));
  }
  if (k == 0) return 0;
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;  // 2^64 (sqrt(5) - 1) / 2, rounded down
  auto x = static_cast<std::uint64_t>((Wide{d - k} << 64) / d);
  unsigned r = 0;
  for (; x > kGolden; x = square(x)) ++r;
  return r;
}

RiceCodec::RiceCodec(std::uint64_t d, std::uint64_t block_size)
    : d_(d), r_(static_cast<unsigned>(std::countr_zero(block_size))) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 31;
  if (d == 0 || d > std::numeric_limits<Index>::max() || !std::has_single_bit(block_size) ||
      block_size > kLargest) {
    throw std::invalid_argument("RiceCodec: d = " + std::to_string(d) +
                                ", 2^r = " + std::to_string(block_size));
  }
}

comm::Bits RiceCodec::size(std::span<const Index> positions) const {
  check_positions("RiceCodec::size", positions, d_);
  std::uint64_t bits = positions.size() * std::uint64_t{1 + r_};
  Index lowest = 0;  // the lowest next position
  for (const Index position : positions) {
    bits += (position - lowest) >> r_;
    lowest = position + 1;
  }
  return comm::Bits(bits);
}

void RiceCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  check_positions("RiceCodec::encode", positions, d_);
  // An upper bound, exact except for remainders. Counting the bits would take another pass.
  const std::uint64_t k = positions.size();
  const std::uint64_t gaps = k == 0 ? 0 : positions.back() + std::uint64_t{1} - k;
  const comm::Bits most(k * (1 + r_) + (gaps >> r_));
  out.reserve(most);
  const unsigned r = r_;
  const Index low = (Index{1} << r) - 1;
  ItemWriter items(out, most);
  Index lowest = 0;
  for (const Index position : positions) {
    const Index gap = position - lowest;
    items.item(gap >> r, gap & low, r);
    lowest = position + 1;
  }
  items.finish();
}

std::vector<Index> RiceCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  if (count > d_ || count * (1 + r_) > in.remaining().count()) {
    throw comm::DecodeError("Rice code: " + std::to_string(count) + " positions of d = " +
                            std::to_string(d_) + " in " + std::to_string(in.remaining().count()) +
                            " bits, before bit " + std::to_string(in.position().count()));
  }
  ItemReader items(in, r_, d_ >> r_);
  std::vector<Index> positions(count);
  std::uint64_t lowest = 0;
  for (Index& position : positions) {
    const Item gap = items.next();
    const std::uint64_t read = lowest + (gap.run << r_ | gap.offset);
    if (read >= d_) {
      throw comm::DecodeError("Rice code: position " + std::to_string(read) +
                              " of d = " + std::to_string(d_) + ", before bit " +
                              std::to_string(items.rest().position().count()));
    }
    position = static_cast<Index>(read);
    lowest = read + 1;
  }
  in = items.rest();
  return positions;
}

}  // namespace mvsgd::compress
