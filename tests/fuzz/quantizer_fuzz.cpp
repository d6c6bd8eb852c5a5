// Fuzzes decode_codes and decode_magnitudes: any bits are refused, or are what is written for what
// was read, and a quantiser recovers finite values from them.
//
// Input: q; count, and the block size of the scaled sign, in two little-endian bytes each; then the
// stream. q = 1 is the scaled sign, 2 to 8 the fractional quantiser.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/values/fractional_quantizer.hpp"
#include "compress/values/quantizer.hpp"
#include "compress/values/scaled_sign.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::comm::BitWriter;
using mvsgd::comm::DecodeError;
using mvsgd::compress::FractionalQuantizer;
using mvsgd::compress::Quantized;
using mvsgd::compress::Quantizer;
using mvsgd::compress::ScaledSign;
using mvsgd::fuzz::check;
using mvsgd::fuzz::check_same_bits;

constexpr std::size_t kPrefix = 5;

std::unique_ptr<Quantizer> quantizer_of(unsigned q, std::size_t block_size) {
  if (q == 1) return std::make_unique<ScaledSign>(block_size);
  return std::make_unique<FractionalQuantizer>(q);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kPrefix || data[0] < 1 || data[0] > 8) return 0;
  const unsigned q = data[0];
  const std::size_t count = data[1] | std::size_t{data[2]} << 8;
  const auto quantizer = quantizer_of(q, data[3] | std::size_t{data[4]} << 8);
  const std::size_t magnitudes = quantizer->magnitudes(count);
  const auto stream = std::as_bytes(std::span(data, size).subspan(kPrefix));
  BitReader in(stream, Bits::of_bytes(stream.size()));
  Quantized quantized;
  try {
    quantized.codes = mvsgd::compress::decode_codes(in, count, q);
    quantized.magnitudes = mvsgd::compress::decode_magnitudes(in, magnitudes);
  } catch (const DecodeError&) {
    return 0;
  }
  check(in.position() == Bits(q * count + 32 * magnitudes), "a code costs q bits, a magnitude 32");
  BitWriter out;
  mvsgd::compress::encode_codes(quantized.codes, q, out);
  mvsgd::compress::encode_magnitudes(quantized.magnitudes, out);
  check_same_bits(BitReader(stream, in.position()), out);

  std::vector<float> v(count);
  quantizer->recover(quantized, v);
  for (const float x : v) check(std::isfinite(x), "what is recovered is finite");
  return 0;
}
