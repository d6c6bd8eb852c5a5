// Fuzzes every codec of make_position_codec: any bits are refused, or are what encode() writes for
// the set that was read.
//
// Input: the codec's id in a byte, d and the parameter in four little-endian bytes each, the count
// in two, then the stream.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/positions/position_codec.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::comm::BitWriter;
using mvsgd::comm::DecodeError;
using mvsgd::compress::Index;
using mvsgd::compress::PositionCodec;
using mvsgd::fuzz::check;
using mvsgd::fuzz::check_same_bits;

constexpr Bits kPrefix = Bits::of_bytes(11);

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  BitReader in(input, Bits::of_bytes(size));
  if (in.remaining() < kPrefix) return 0;
  const auto id = static_cast<std::uint8_t>(in.get(8));
  const std::uint64_t d = in.get(32);
  const auto parameter = static_cast<std::uint32_t>(in.get(32));
  const std::uint64_t count = in.get(16);
  std::unique_ptr<PositionCodec> codec;
  std::vector<Index> positions;
  try {
    codec = mvsgd::compress::make_position_codec(id, d, parameter);
    positions = codec->decode(in, count);
  } catch (const DecodeError&) {
    return 0;
  }
  check(positions.size() == count, "as many positions as the header says");
  check(in.position() == kPrefix + codec->size(positions), "a set costs exactly its size");
  BitWriter out;
  codec->encode(positions, out);
  BitReader read(input, in.position());
  read.skip(kPrefix);
  check_same_bits(read, out);
  return 0;
}
