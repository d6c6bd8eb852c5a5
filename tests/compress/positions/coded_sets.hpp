// Shared by the tests of codes of sets: names, sets, bits as text, golden files.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

using comm::BitReader;
using comm::Bits;
using comm::BitWriter;
using comm::DecodeError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Set = std::vector<Index>;

struct Coded {
  std::vector<std::byte> bytes;
  Bits size;
};

/// The bits that `write` puts into a stream.
template <typename Write>
Coded coded(Write write) {
  BitWriter out;
  write(out);
  const Bits size = out.size();
  return {.bytes = out.take(), .size = size};
}

inline Coded encode(const PositionCodec& codec, const std::vector<Index>& positions) {
  return coded([&](BitWriter& out) { codec.encode(positions, out); });
}

/// Decodes all of `coded` as a set.
inline std::vector<Index> decode(const PositionCodec& codec, const Coded& coded,
                                 std::uint64_t count) {
  BitReader in(coded.bytes, coded.size);
  auto positions = codec.decode(in, count);
  EXPECT_EQ(in.remaining(), Bits(0));
  return positions;
}

/// The bits given as '0' and '1' in the order of the stream; spaces are for the reader.
inline Coded bits_of(const std::string& text) {
  return coded([&](BitWriter& out) {
    for (const char bit : text) {
      if (bit != ' ') out.put(bit == '1' ? 1 : 0, 1);
    }
  });
}

/// Whether the first `size` bits of two streams are the same.
inline bool same_bits(const std::vector<std::byte>& a, const std::vector<std::byte>& b, Bits size) {
  BitReader left(a, size);
  BitReader right(b, size);
  while (left.remaining() > Bits(0)) {
    if (left.get(1) != right.get(1)) return false;
  }
  return true;
}

/// The positions of the ones of `members`.
inline std::vector<Index> subset(std::uint32_t members) {
  std::vector<Index> positions;
  for (; members != 0; members &= members - 1) {
    positions.push_back(static_cast<Index>(std::countr_zero(members)));
  }
  return positions;
}

/// k of d coordinates, all sets equally likely.
inline std::vector<Index> random_support(std::uint64_t d, std::size_t k, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::set<Index> support;
  while (support.size() < k) support.insert(static_cast<Index>(random() % d));
  return {support.begin(), support.end()};
}

inline std::vector<std::byte> random_bytes(std::size_t size, std::mt19937_64& random) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

/// Decodes random bits 30,000 times, with codecs against random previous sets; `make(random)` gives
/// a codec and K. Each stream is refused, or is the encoding of the set read. Returns how many are
/// not refused.
template <typename Make>
int decoded_of_random_bits(const Make& make) {
  std::mt19937_64 random(3);
  int decoded = 0;
  for (int trial = 0; trial < 30'000; ++trial) {
    const auto [codec, count] = make(random);
    const auto bytes = random_bytes(12, random);
    BitReader in(bytes, Bits::of_bytes(bytes.size()));
    Set set;
    try {
      set = codec.decode(in, count);
    } catch (const DecodeError&) {
      continue;
    }
    ++decoded;
    const Coded again = encode(codec, set);
    EXPECT_EQ(again.size, in.position());
    EXPECT_TRUE(same_bits(again.bytes, bytes, again.size));
  }
  return decoded;
}

inline std::string golden_path(const std::string& file) {
  return std::string(MVSGD_TESTS_DIR) + "/golden/compress/" + file;
}

inline std::vector<std::byte> golden_bytes(const std::string& name) {
  std::ifstream file(golden_path(name), std::ios::binary);
  std::vector<std::byte> bytes;
  for (std::istreambuf_iterator<char> it(file), end; it != end; ++it) {
    bytes.push_back(static_cast<std::byte>(*it));
  }
  return bytes;
}

/// The set of the golden files, 101 positions of d = 10007.
inline std::vector<Index> golden_positions() {
  std::ifstream list(golden_path("positions.txt"));
  return {std::istream_iterator<Index>(list), {}};
}

}  // namespace mvsgd::compress
