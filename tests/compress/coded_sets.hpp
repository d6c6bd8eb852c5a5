// Sets and their bits, for the tests of position codecs.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "compress/position_codec.hpp"

namespace mvsgd::compress {

struct Coded {
  std::vector<std::byte> bytes;
  comm::Bits size;
};

inline Coded encode(const PositionCodec& codec, const std::vector<Index>& positions) {
  comm::BitWriter out;
  codec.encode(positions, out);
  const comm::Bits size = out.size();
  return {.bytes = out.take(), .size = size};
}

/// The set that all of `coded` is.
inline std::vector<Index> decode(const PositionCodec& codec, const Coded& coded,
                                 std::uint64_t count) {
  comm::BitReader in(coded.bytes, coded.size);
  auto positions = codec.decode(in, count);
  EXPECT_EQ(in.remaining(), comm::Bits(0));
  return positions;
}

/// Bits given as '0' and '1' in the order of the stream; spaces are for the reader.
inline Coded bits_of(const std::string& text) {
  comm::BitWriter out;
  for (const char bit : text) {
    if (bit != ' ') out.put(bit == '1' ? 1 : 0, 1);
  }
  const comm::Bits size = out.size();
  return {.bytes = out.take(), .size = size};
}

/// The positions of the ones of `members`.
inline std::vector<Index> subset(std::uint32_t members) {
  std::vector<Index> positions;
  for (; members != 0; members &= members - 1) {
    positions.push_back(static_cast<Index>(std::countr_zero(members)));
  }
  return positions;
}

inline std::vector<Index> random_support(std::size_t d, std::size_t k, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::set<Index> support;
  while (support.size() < k) support.insert(static_cast<Index>(random() % d));
  return {support.begin(), support.end()};
}

/// The set of the golden files, 101 positions of d = 10007.
inline std::vector<Index> golden_positions() {
  std::ifstream list(std::string(MVSGD_TESTS_DIR) + "/golden/compress/positions.txt");
  return {std::istream_iterator<Index>(list), {}};
}

inline std::vector<std::byte> golden_bytes(const std::string& file) {
  std::ifstream in(std::string(MVSGD_TESTS_DIR) + "/golden/compress/" + file, std::ios::binary);
  std::vector<std::byte> bytes;
  for (std::istreambuf_iterator<char> it(in), end; it != end; ++it) {
    bytes.push_back(static_cast<std::byte>(*it));
  }
  return bytes;
}

}  // namespace mvsgd::compress
