// Tiles of values that are hard to get right, for tests.
#pragma once

#include <Random123/philox.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/lanes/tiles.hpp"

namespace mvsgd::nn::lanes::testing {

/// A and B have rows of 16 words, C of 16 float32, whatever the shape.
struct Tiles {
  TileShape shape;
  std::vector<std::uint32_t> a;
  std::vector<std::uint32_t> b;
  std::vector<std::uint32_t> c;
};

inline bool is_nan(std::uint32_t x) { return (x & 0x7FFFFFFFU) > 0x7F800000U; }

/// A different sequence for each seed.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : seed_(seed) {}
  std::uint64_t bits() { return r123::Philox4x64()({{2, 0, next_++, 0}}, {{seed_, 0}})[0]; }
  std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>((bits() >> 32U) * n >> 32U);
  }

 private:
  std::uint64_t seed_;
  std::uint64_t next_ = 0;
};

/// A float32 whose exponent is one of `spread` from `least` on. One in `rare` is zero, subnormal,
/// infinite, NaN, the largest or the smallest.
inline std::uint32_t hostile(Draws& draws, std::uint32_t least, std::uint32_t spread,
                             std::uint32_t rare) {
  constexpr std::array<std::uint32_t, 10> kSpecial = {
      0x00000000, 0x80000000, 0x00400000, 0x80010000, 0x7F800000,
      0xFF800000, 0x7FA10000, 0xFFC00000, 0x7F7F0000, 0x00800000};
  if (draws.below(rare) == 0) return kSpecial[draws.below(10)];
  const auto bits = static_cast<std::uint32_t>(draws.bits());
  // Few set bits make ties.
  const std::uint32_t fraction = draws.below(2) == 0 ? bits & 0x7FFFFFU : bits & 0x610001U;
  return (bits & 0x80000000U) | (least + draws.below(spread)) << 23U | fraction;
}

/// Products near 1, near the smallest normal number, near the largest, or anywhere. Half of the
/// time neighbouring products cancel, completely or nearly.
inline Tiles hostile_tiles(std::uint64_t seed) {
  struct Exponents {
    std::uint32_t factor, factor_spread, addend, addend_spread;
  };
  constexpr std::array<Exponents, 4> kExponents = {
      {{115, 24, 105, 48}, {58, 12, 1, 26}, {184, 10, 236, 18}, {1, 253, 1, 253}}};
  Draws draws(seed);
  const Exponents exponents = kExponents[draws.below(4)];
  const std::uint32_t rare = draws.below(3) == 0 ? 8 : 600;
  const auto side = [&] {
    return draws.below(2) == 0 ? 16 : 1 + static_cast<int>(draws.below(16));
  };
  Tiles tiles;
  tiles.shape.rows = side();
  tiles.shape.pairs = side();
  const auto factor = [&] {
    return hostile(draws, exponents.factor, exponents.factor_spread, rare) >> 16U;
  };
  for (int i = 0; i < tiles.shape.rows * kTileSide; ++i) {
    const std::uint32_t even = factor();
    tiles.a.push_back(even | factor() << 16U);
    tiles.c.push_back(hostile(draws, exponents.addend, exponents.addend_spread, rare));
  }
  for (int i = 0; i < tiles.shape.pairs * kTileSide; ++i) {
    const std::uint32_t even = factor();
    tiles.b.push_back(even | factor() << 16U);
  }
  if (draws.below(2) == 0) {
    for (std::size_t i = kTileSide; i < tiles.b.size(); ++i) {
      if (draws.below(3) != 0) tiles.b[i] = tiles.b[i - kTileSide];
    }
    for (std::size_t i = 1; i < tiles.a.size(); ++i) {
      if (draws.below(3) != 0) tiles.a[i] = tiles.a[i - 1] ^ 0x80008000U;
    }
  }
  return tiles;
}

}  // namespace mvsgd::nn::lanes::testing
