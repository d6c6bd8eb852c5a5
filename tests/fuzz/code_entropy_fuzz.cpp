// Fuzzes decode_codes_by_entropy, and with it Rans::decode: any bits are refused, or are what is
// written for the codes that were read.
//
// Input: q; a count in two little-endian bytes; s, which marks every s-th value, or none if 0; then
// the stream.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "compress/values/code_entropy.hpp"
#include "tests/fuzz/code_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mvsgd::comm::BitReader;
  auto input = mvsgd::fuzz::code_input(data, size, 4);
  if (!input) return 0;
  const auto q = static_cast<unsigned>(input->prefix.get(8));
  if (q < 2 || q > 8) return 0;
  const std::size_t count = input->prefix.get(16);
  const std::size_t step = input->prefix.get(8);
  std::vector<std::uint8_t> own(step == 0 ? 0 : count);
  for (std::size_t i = 0; i < own.size(); i += step) own[i] = 1;
  BitReader in(input->stream, mvsgd::comm::Bits::of_bytes(input->stream.size()));
  std::vector<std::uint8_t> codes;
  try {
    codes = mvsgd::compress::decode_codes_by_entropy(in, count, q, own);
  } catch (const mvsgd::comm::DecodeError&) {
    return 0;
  }
  mvsgd::fuzz::check(codes.size() == count, "as many codes as the header says");
  mvsgd::fuzz::check(in.position().count() <= 2 + std::uint64_t{q} * count,
                     "at most 2 bits more than plain codes take");
  mvsgd::comm::BitWriter out;
  mvsgd::compress::encode_codes_by_entropy(codes, q, own, out);
  mvsgd::fuzz::check_same_bits(BitReader(input->stream, in.position()), out);
  return 0;
}
