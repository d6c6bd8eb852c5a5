// Products of bfloat16 tiles as x86's tile unit (AMX, tdpbf16ps) defines them, in plain C++. Every
// other way to compute them gives the same bits.
//
// Values are bit patterns, since a NaN keeps its payload and a float in a register may not. A word
// is a pair of neighbouring bfloat16 values, the even one in its lower half. Nothing here depends
// on FTZ or DAZ; rounding is to nearest even.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mvsgd::nn::lanes {

/// The most rows of a tile; its columns of float32; the most pairs of bfloat16 along K.
inline constexpr int kTileSide = 16;
/// A tile with full rows. Tiles in memory are this far apart.
inline constexpr std::int64_t kTileBytes = 1024;
/// A full row of a tile, a cache line.
inline constexpr std::int64_t kRowBytes = 64;

/// A product C += A B: C is rows x 16 float32, A is rows x pairs words, B is pairs x 16 words.
struct TileShape {
  int rows = kTileSide;
  int pairs = kTileSide;
};

/// The bfloat16 nearest to a float32, ties to even, as vcvtneps2bf16 rounds. A subnormal becomes
/// the zero of its sign, a NaN its upper half, made quiet.
[[nodiscard]] std::uint16_t nearest_bf16(std::uint32_t x);

/// a * b + s, rounded once. Subnormal a, b, s count as zeros of their sign, and so does a result
/// that is below 2^-126 once rounded to 24 bits. If several of a, b, s are NaNs, the result is the
/// first.
[[nodiscard]] std::uint32_t fused_product(std::uint16_t a, std::uint16_t b, std::uint32_t s);

/// x + y by the same rules.
[[nodiscard]] std::uint32_t flushed_sum(std::uint32_t x, std::uint32_t y);

/// One element of C after a product: c + (even + odd). `even` is the sum of the products of the
/// pairs' even halves, from +0 and in rising order; `odd` is that of the odd halves. `a` is a row
/// of A; pair k of the column of B is b[k * b_step].
[[nodiscard]] std::uint32_t tile_element(std::uint32_t c, const std::uint32_t* a,
                                         const std::uint32_t* b, std::size_t b_step, int pairs);

/// The whole product. `c` is rows of 16 float32. Rows of A are `a_row_bytes` apart, those of B 64.
void tile_product(std::uint32_t* c, const std::byte* a, std::int64_t a_row_bytes,
                  const std::byte* b, TileShape shape);

}  // namespace mvsgd::nn::lanes
