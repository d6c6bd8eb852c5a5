// Fuzzes RansCodec::decode: any bits are refused, or are what encode() writes for the set that was
// read, and that by definition.
//
// Input: d in four little-endian bytes, a count in two, then the stream.
#include <cstddef>
#include <cstdint>

#include "compress/positions/rans_codec.hpp"
#include "tests/fuzz/code_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = mvsgd::fuzz::code_input(data, size, 6);
  if (!input) return 0;
  const std::uint64_t d = input->prefix.get(32);
  const std::uint64_t count = input->prefix.get(16);
  if (d == 0) return 0;
  const mvsgd::compress::RansCodec codec(d);
  mvsgd::fuzz::check_code(codec, input->stream, [&](mvsgd::comm::BitReader& in) {
    auto positions = codec.decode(in, count);
    mvsgd::fuzz::check(positions.size() == count, "as many positions as the header says");
    mvsgd::comm::BitWriter plainly;
    codec.encode_by_definition(positions, plainly);
    mvsgd::fuzz::check_same_bits(mvsgd::comm::BitReader(input->stream, in.position()), plainly);
    return positions;
  });
  return 0;
}
