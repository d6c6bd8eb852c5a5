// Fuzzes every codec of make_position_codec: any bits are refused, or are what encode() writes for
// the set that was read.
//
// Input: the codec's id in a byte, d and the parameter in four little-endian bytes each, the count
// in two, then the stream.
#include <cstddef>
#include <cstdint>
#include <memory>

#include "compress/positions/position_codecs.hpp"
#include "tests/fuzz/code_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = mvsgd::fuzz::code_input(data, size, 11);
  if (!input) return 0;
  const auto id = static_cast<std::uint8_t>(input->prefix.get(8));
  const std::uint64_t d = input->prefix.get(32);
  const auto parameter = static_cast<std::uint32_t>(input->prefix.get(32));
  const std::uint64_t count = input->prefix.get(16);
  std::unique_ptr<mvsgd::compress::PositionCodec> codec;
  try {
    codec = mvsgd::compress::make_position_codec(id, d, parameter);
  } catch (const mvsgd::comm::DecodeError&) {
    return 0;
  }
  mvsgd::fuzz::check_code(*codec, input->stream, count);
  return 0;
}
