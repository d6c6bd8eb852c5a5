// Fuzzes BlockPositionCodec::decode without a count: any bits are refused, or are what encode()
// writes for the set that was read.
//
// Input: d and B in two little-endian bytes each, then the stream.
#include <cstddef>
#include <cstdint>

#include "compress/positions/block_position_codec.hpp"
#include "tests/fuzz/code_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = mvsgd::fuzz::code_input(data, size, 4);
  if (!input) return 0;
  const std::uint64_t d = input->prefix.get(16);
  const std::uint64_t block_size = input->prefix.get(16);
  if (d == 0 || block_size == 0) return 0;
  const mvsgd::compress::BlockPositionCodec codec(d, block_size);
  mvsgd::fuzz::check_code(codec, input->stream,
                          [&](mvsgd::comm::BitReader& in) { return codec.decode(in); });
  return 0;
}
