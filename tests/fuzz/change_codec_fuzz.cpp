// Fuzzes ChangeCodec::decode, and with it members_of() and members_outside(): any bits are refused,
// or are what encode() writes for the set that was read.
//
// Input: d and s in two little-endian bytes each, then the stream. The previous set is every
// (s + 1)-th coordinate, and whole sets are in the block code of B = s + 1.
#include <cstddef>
#include <cstdint>
#include <memory>

#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/change_codec.hpp"
#include "tests/fuzz/code_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = mvsgd::fuzz::code_input(data, size, 4);
  if (!input) return 0;
  const std::uint64_t d = input->prefix.get(16);
  const std::uint64_t step = input->prefix.get(16) + 1;
  if (d == 0) return 0;
  const auto previous = mvsgd::fuzz::every(step, d);
  const auto whole = std::make_shared<mvsgd::compress::BlockPositionCodec>(d, step);
  mvsgd::fuzz::check_code(mvsgd::compress::ChangeCodec(d, previous, whole), input->stream,
                          previous.size());
  return 0;
}
