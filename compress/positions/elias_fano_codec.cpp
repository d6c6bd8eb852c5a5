#include "compress/positions/elias_fano_codec.hpp"

#include <bit>
#include <limits>
#include <stdexcept>
#include <string>

#include "compress/positions/position_items.hpp"

namespace mvsgd::compress {

EliasFanoCodec::EliasFanoCodec(std::uint64_t d) : d_(d) {
  if (d == 0 || d > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument("EliasFanoCodec: d = " + std::to_string(d));
  }
}

unsigned EliasFanoCodec::low_bits(std::uint64_t k) const {
  return static_cast<unsigned>(std::bit_width(d_ / k)) - 1;
}

comm::Bits EliasFanoCodec::size(std::uint64_t k) const {
  if (k == 0) return comm::Bits(0);
  const unsigned l = low_bits(k);
  return comm::Bits(k * (l + 1) + ceil_div(d_, std::uint64_t{1} << l));
}

comm::Bits EliasFanoCodec::size(std::span<const Index> positions) const {
  check_positions("EliasFanoCodec::size", positions, d_);
  return size(positions.size());
}

void EliasFanoCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  check_positions("EliasFanoCodec::encode", positions, d_);
  if (positions.empty()) return;
  const unsigned l = low_bits(positions.size());
  const comm::Bits bits = size(positions.size());
  out.reserve(bits);
  ItemWriter items(out, bits);
  std::uint64_t block = 0;
  for (const Index position : positions) {
    items.item((position >> l) - block, 0, 0);
    block = position >> l;
  }
  items.zeros(ceil_div(d_, std::uint64_t{1} << l) - block);
  if (l > 0) {
    const Index low = (Index{1} << l) - 1;
    for (const Index position : positions) items.put(position & low, l);
  }
  items.finish();
}

std::vector<Index> EliasFanoCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  if (count == 0) return {};
  if (count > d_ || size(count) > in.remaining()) {
    throw comm::DecodeError("Elias-Fano code: " + std::to_string(count) + " positions of d = " +
                            std::to_string(d_) + " in " + std::to_string(in.remaining().count()) +
                            " bits, before bit " + std::to_string(in.position().count()));
  }
  const unsigned l = low_bits(count);
  const std::uint64_t low = (std::uint64_t{1} << l) - 1;
  const std::uint64_t blocks = ceil_div(d_, std::uint64_t{1} << l);
  ItemReader items(in, 0, blocks);
  comm::BitReader lows = in;
  lows.skip(comm::Bits(count + blocks));

  std::vector<Index> positions(count);
  std::uint64_t block = 0;
  std::uint64_t lowest = 0;  // the lowest next position
  for (Index& position : positions) {
    block += items.next().run;
    const std::uint64_t read = block << l | (lows.peek() & low);
    lows.skip(comm::Bits(l));
    if (read < lowest || read >= d_) {
      throw comm::DecodeError(
          "Elias-Fano code: position " + std::to_string(read) + " of d = " + std::to_string(d_) +
          " is out of range or order, before bit " + std::to_string(lows.position().count()));
    }
    position = static_cast<Index>(read);
    lowest = read + 1;
  }
  comm::BitReader flags = items.rest();
  read_zeros(flags, blocks - block);
  in = lows;
  return positions;
}

}  // namespace mvsgd::compress
