// Fuzzes EntropyCodec::decode: any bits are refused, or are what encode() writes for the set that
// was read.
//
// Input: d in four little-endian bytes, a count in two, then the stream.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/entropy_codec.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::comm::BitWriter;
using mvsgd::comm::DecodeError;
using mvsgd::compress::EntropyCodec;
using mvsgd::compress::Index;
using mvsgd::fuzz::check;

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
  check(out.size() == in.position(), "as much is written as was read");
  const auto bytes = out.take();
  BitReader read(stream, in.position());
  BitReader written(bytes, in.position());
  while (read.remaining() > Bits(0)) check(read.get(1) == written.get(1), "the bits are the same");
  return 0;
}
