// Fuzzes EntropyCodec::decode: any bits are refused, or are what encode() writes for the set that
// was read.
//
// Input: d in four little-endian bytes, a count in two, then the stream.
#include <cstddef>
#include <cstdint>

#include "compress/positions/entropy_codec.hpp"
#include "tests/fuzz/code_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = mvsgd::fuzz::code_input(data, size, 6);
  if (!input) return 0;
  const std::uint64_t d = input->prefix.get(32);
  const std::uint64_t count = input->prefix.get(16);
  if (d == 0) return 0;
  mvsgd::fuzz::check_code(mvsgd::compress::EntropyCodec(d), input->stream, count);
  return 0;
}
