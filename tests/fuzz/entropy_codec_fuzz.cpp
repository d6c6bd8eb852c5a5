// Fuzzes EntropyCodec::decode: any bits are refused, or are what encode() writes for the set that
// was read.
//
// Input: d in four little-endian bytes, a count in two, then the stream.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/positions/entropy_codec.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::comm::BitWriter;
using mvsgd::comm::DecodeError;
using mvsgd::compress::EntropyCodec;
using mvsgd::compress::Index;
using mvsgd::fuzz::check;
using mvsgd::fuzz::check_same_bits;

constexpr std::size_t kPrefix = 6;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kPrefix) return 0;
  const auto input = std::as_bytes(std::span(data, size));
  BitReader prefix(input, Bits::of_bytes(kPrefix));
  const std::uint64_t d = prefix.get(32);
  const std::uint64_t count = prefix.get(16);
  if (d == 0) return 0;
  const EntropyCodec codec(d);
  const auto stream = input.subspan(kPrefix);
  BitReader in(stream, Bits::of_bytes(stream.size()));
  std::vector<Index> positions;
  try {
    positions = codec.decode(in, count);
  } catch (const DecodeError&) {
    return 0;
  }
  check(positions.size() == count, "as many are read as were wanted");
  check(in.position() == codec.size(positions), "a set costs exactly its size");
  BitWriter out;
  codec.encode(positions, out);
  check_same_bits(BitReader(stream, in.position()), out);
  return 0;
}
