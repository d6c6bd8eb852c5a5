// Fuzzes decode_codes, decode_halves and decode_magnitudes: any bits are refused, or are what is
// written for the values read, and a quantiser recovers finite values from them.
//
// Input: q; count, and the block size of the scaled sign, in two little-endian bytes each; then the
// stream. q = 1 is the scaled sign, 2 to 8 the fractional quantiser, 16 float16, or bfloat16 where
// the block size is the number by which a header names it.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "compress/values/half_precision.hpp"
#include "compress/values/quantizers.hpp"
#include "tests/fuzz/code_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::fuzz::check;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = mvsgd::fuzz::code_input(data, size, 5);
  if (!input) return 0;
  const auto q = static_cast<unsigned>(input->prefix.get(8));
  const bool halves = q == mvsgd::compress::kHalfBits;
  if (q < 1 || (q > 8 && !halves)) return 0;
  const std::size_t count = input->prefix.get(16);
  const std::size_t block = input->prefix.get(16);
  const auto code = static_cast<std::uint8_t>(block);
  const auto quantizer = mvsgd::compress::make_quantizer(q, block, code);
  const std::size_t magnitudes = quantizer->magnitudes(count);
  BitReader in(input->stream, Bits::of_bytes(input->stream.size()));
  mvsgd::compress::Quantized quantized;
  try {
    if (halves) {
      quantized.halves = mvsgd::compress::decode_halves(in, count, quantizer->wire_code());
    } else {
      quantized.codes = mvsgd::compress::decode_codes(in, count, q);
    }
    quantized.magnitudes = mvsgd::compress::decode_magnitudes(in, magnitudes);
  } catch (const mvsgd::comm::DecodeError&) {
    return 0;
  }
  check(in.position() == Bits(q * count + 32 * magnitudes), "a code costs q bits, a magnitude 32");
  mvsgd::comm::BitWriter out;
  if (halves) {
    mvsgd::compress::encode_halves(quantized.halves, out);
  } else {
    mvsgd::compress::encode_codes(quantized.codes, q, out);
  }
  mvsgd::compress::encode_magnitudes(quantized.magnitudes, out);
  mvsgd::fuzz::check_same_bits(BitReader(input->stream, in.position()), out);

  std::vector<float> v(count);
  quantizer->recover(quantized, v);
  for (const float x : v) check(std::isfinite(x), "what is recovered is finite");
  if (halves) check(quantizer->quantize(v).halves == quantized.halves, "16 bits stay as they are");
  return 0;
}
