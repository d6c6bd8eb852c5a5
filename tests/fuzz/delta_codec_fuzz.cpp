// Fuzzes DeltaCodec::decode, and with it members_of() and members_outside(): any bits are refused,
// or are what encode() writes for the set that was read.
//
// Input: d and s in two little-endian bytes each, then the stream. The previous set is every
// (s + 1)-th coordinate.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/positions/delta_codec.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::comm::BitWriter;
using mvsgd::comm::DecodeError;
using mvsgd::compress::DeltaCodec;
using mvsgd::compress::Index;
using mvsgd::fuzz::check;
using mvsgd::fuzz::check_same_bits;

constexpr std::size_t kPrefix = 4;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kPrefix) return 0;
  const auto input = std::as_bytes(std::span(data, size));
  BitReader prefix(input, Bits::of_bytes(kPrefix));
  const std::uint64_t d = prefix.get(16);
  const std::uint64_t step = prefix.get(16) + 1;
  if (d == 0) return 0;
  std::vector<Index> previous;
  for (std::uint64_t i = 0; i < d; i += step) previous.push_back(static_cast<Index>(i));
  const DeltaCodec codec(d, previous);
  const auto stream = input.subspan(kPrefix);
  BitReader in(stream, Bits::of_bytes(stream.size()));
  std::vector<Index> mask;
  try {
    mask = codec.decode(in);
  } catch (const DecodeError&) {
    return 0;
  }
  check(mask.size() == previous.size(), "a mask has K members");
  BitWriter out;
  codec.encode(mask, out);
  check_same_bits(BitReader(stream, in.position()), out);
  return 0;
}
