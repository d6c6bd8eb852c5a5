// Fuzzes BitReader and BitWriter against a list of single bits.
//
// Input: byte 0 is the number of the stream's bits that are cut off. Byte 1, n, is the number of
// widths that follow, a byte each. The rest is the stream. A width above 64 stands for width - 64
// floats.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::comm::BitWriter;
using mvsgd::comm::DecodeError;
using mvsgd::fuzz::check;

std::uint64_t naive(std::span<const std::byte> bytes, std::uint64_t at, unsigned width) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[(at + i) / 8]);
    value |= (byte >> (at + i) % 8 & 1) << i;
  }
  return value;
}

void read_values(BitReader& in, BitWriter& out, std::span<const std::byte> stream, unsigned width) {
  const std::uint64_t at = in.position().count();
  const std::uint64_t value = in.get(width);
  check(value == naive(stream, at, width), "get returns the stream's bits");
  out.put(value, width);
}

void read_floats(BitReader& in, BitWriter& out, std::span<const std::byte> stream, unsigned count) {
  const std::uint64_t at = in.position().count();
  std::vector<float> values(count);
  in.get_floats(values);
  for (unsigned i = 0; i < count; ++i) {
    check(std::bit_cast<std::uint32_t>(values[i]) == naive(stream, at + 32ULL * i, 32),
          "get_floats returns the stream's bits");
  }
  out.put_floats(values);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::span input(data, size);
  const std::size_t widths_end = std::min<std::size_t>(size, 2 + std::size_t{input[1]});
  const auto widths = input.subspan(2, widths_end - 2);
  const auto stream = std::as_bytes(input.subspan(widths_end));
  const std::uint64_t bits = 8 * std::uint64_t{stream.size()};
  BitReader in(stream, Bits(bits - std::min<std::uint64_t>(bits, input[0])));
  const std::uint64_t available = in.remaining().count();
  BitWriter out;
  for (const std::uint8_t width : widths) {
    const std::uint64_t wanted = width <= 64 ? width : 32ULL * (width - 64U);
    const std::uint64_t at = in.position().count();
    try {
      if (width <= 64) {
        read_values(in, out, stream, width);
      } else {
        read_floats(in, out, stream, width - 64U);
      }
      check(in.position().count() == at + wanted, "the position moves by what was read");
    } catch (const DecodeError&) {
      check(at + wanted > available, "what is there can be read");
      check(in.position().count() == at, "the position stays when nothing is read");
    }
  }
  const std::uint64_t written = out.size().count();
  check(written == in.position().count(), "as much is written as was read");
  const auto bytes = out.take();
  for (std::uint64_t i = 0; i < 8 * bytes.size(); ++i) {
    check(naive(bytes, i, 1) == (i < written ? naive(stream, i, 1) : 0),
          "what was read is written back, padded with zeros");
  }
  return 0;
}
