// The shared part of the fuzzers of codes: numbers in front of a stream, and the checks of whatever
// is read from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/positions/position_codec.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace mvsgd::fuzz {

struct CodeInput {
  comm::BitReader prefix;
  std::span<const std::byte> stream;
};

/// An input as `prefix_bytes` of numbers and the stream after them; nullopt if it is shorter.
inline std::optional<CodeInput> code_input(const std::uint8_t* data, std::size_t size,
                                           std::size_t prefix_bytes) {
  if (size < prefix_bytes) return std::nullopt;
  const auto input = std::as_bytes(std::span(data, size));
  return CodeInput{.prefix = {input, comm::Bits::of_bytes(prefix_bytes)},
                   .stream = input.subspan(prefix_bytes)};
}

/// Every step-th coordinate of d.
inline std::vector<compress::Index> every(std::uint64_t step, std::uint64_t d) {
  std::vector<compress::Index> set;
  for (std::uint64_t i = 0; i < d; i += step) set.push_back(static_cast<compress::Index>(i));
  return set;
}

/// Checks that `decode(reader)` refuses the bits of `stream`, or that they are what encode() writes
/// for the set that it reads.
template <typename Decode>
void check_code(const compress::PositionCodec& codec, std::span<const std::byte> stream,
                const Decode& decode) {
  comm::BitReader in(stream, comm::Bits::of_bytes(stream.size()));
  std::vector<compress::Index> positions;
  try {
    positions = decode(in);
  } catch (const comm::DecodeError&) {
    return;
  }
  check(in.position() == codec.size(positions), "a set costs exactly its size");
  comm::BitWriter out;
  codec.encode(positions, out);
  check_same_bits(comm::BitReader(stream, in.position()), out);
}

/// The same for sets of `count` positions.
inline void check_code(const compress::PositionCodec& codec, std::span<const std::byte> stream,
                       std::uint64_t count) {
  check_code(codec, stream, [&](comm::BitReader& in) {
    auto positions = codec.decode(in, count);
    check(positions.size() == count, "as many positions as the header says");
    return positions;
  });
}

}  // namespace mvsgd::fuzz
