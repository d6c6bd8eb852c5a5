// Fuzzes BlockPositionCodec::decode: any bits are refused, or are what encode() writes for the set
// that was read.
//
// Input: d and B in two little-endian bytes each, then the stream.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/positions/block_position_codec.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::comm::BitWriter;
using mvsgd::comm::DecodeError;
using mvsgd::compress::BlockPositionCodec;
using mvsgd::compress::Index;
using mvsgd::fuzz::check;
using mvsgd::fuzz::check_same_bits;

constexpr std::size_t kPrefix = 4;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kPrefix) return 0;
  const std::uint64_t d = data[0] | std::uint64_t{data[1]} << 8;
  const std::uint64_t block_size = data[2] | std::uint64_t{data[3]} << 8;
  if (d == 0 || block_size == 0) return 0;
  const BlockPositionCodec codec(d, block_size);
  const auto stream = std::as_bytes(std::span(data, size).subspan(kPrefix));
  BitReader in(stream, Bits::of_bytes(stream.size()));
  std::vector<Index> positions;
  try {
    positions = codec.decode(in);
  } catch (const DecodeError&) {
    return 0;
  }
  check(in.position() == codec.size(positions.size()), "a set costs exactly its size");
  BitWriter out;
  codec.encode(positions, out);
  check_same_bits(BitReader(stream, in.position()), out);
  return 0;
}
