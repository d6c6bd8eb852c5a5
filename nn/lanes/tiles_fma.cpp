#include "nn/lanes/tiles_fma.hpp"

#include <stdexcept>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mvsgd::nn::lanes {

#if defined(__x86_64__)
namespace {

constexpr int kSide = kTileSide;

// The even or the odd halves of a tile's words as float32, [pairs][16].
using Halves = float[kSide][kSide];

// Rows of C. Each row has four sums of eight lanes, even and odd.
template <int Rows>
[[gnu::target("avx2,fma")]] void rows_avx2(std::uint32_t* c, const std::byte* a,
                                           std::int64_t a_row_bytes, const Halves& even,
                                           const Halves& odd, int pairs) {
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xFFFF0000U));
  __m256 sums[Rows][4];
#pragma GCC unroll 2
  for (int r = 0; r < Rows; ++r) {
    sums[r][0] = sums[r][1] = sums[r][2] = sums[r][3] = _mm256_setzero_ps();
  }
  for (int k = 0; k < pairs; ++k) {
    __m256 right[4] = {_mm256_load_ps(&even[k][0]), _mm256_load_ps(&even[k][8]),
                       _mm256_load_ps(&odd[k][0]), _mm256_load_ps(&odd[k][8])};
    // Loaded once for all rows. As operands from memory they would be loaded once a row, and loads
    // are the bottleneck.
    asm("" : "+x"(right[0]), "+x"(right[1]), "+x"(right[2]), "+x"(right[3]));
#pragma GCC unroll 2
    for (int r = 0; r < Rows; ++r) {
      const __m256i words = _mm256_castps_si256(
          _mm256_broadcast_ss(reinterpret_cast<const float*>(a + r * a_row_bytes) + k));
      const __m256 left_even = _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
      const __m256 left_odd = _mm256_castsi256_ps(_mm256_and_si256(words, upper));
      sums[r][0] = _mm256_fmadd_ps(left_even, right[0], sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(left_even, right[1], sums[r][1]);
      sums[r][2] = _mm256_fmadd_ps(left_odd, right[2], sums[r][2]);
      sums[r][3] = _mm256_fmadd_ps(left_odd, right[3], sums[r][3]);
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < Rows; ++r) {
    auto* to = reinterpret_cast<float*>(c + r * kSide);
    _mm256_storeu_ps(to, _mm256_add_ps(_mm256_loadu_ps(to), _mm256_add_ps(sums[r][0], sums[r][2])));
    _mm256_storeu_ps(to + 8,
                     _mm256_add_ps(_mm256_loadu_ps(to + 8), _mm256_add_ps(sums[r][1], sums[r][3])));
  }
}

[[gnu::target("avx2,fma")]] void product_avx2(std::uint32_t* c, const std::byte* a,
                                              std::int64_t a_row_bytes, const std::byte* b,
                                              TileShape shape) {
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xFFFF0000U));
  alignas(32) Halves even;
  alignas(32) Halves odd;
  for (int k = 0; k < shape.pairs; ++k) {
    for (int n = 0; n < kSide; n += 8) {
      const __m256i words =
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + k * kRowBytes + 4 * n));
      _mm256_store_ps(&even[k][n], _mm256_castsi256_ps(_mm256_slli_epi32(words, 16)));
      _mm256_store_ps(&odd[k][n], _mm256_castsi256_ps(_mm256_and_si256(words, upper)));
    }
  }
  int row = 0;
  for (; row + 2 <= shape.rows; row += 2) {
    rows_avx2<2>(c + row * kSide, a + row * a_row_bytes, a_row_bytes, even, odd, shape.pairs);
  }
  if (row < shape.rows) {
    rows_avx2<1>(c + row * kSide, a + row * a_row_bytes, a_row_bytes, even, odd, shape.pairs);
  }
}

// Four rows of C at a time, so that eight chains of additions are under way.
[[gnu::target("avx512f")]] void product_avx512(std::uint32_t* c, const std::byte* a,
                                               std::int64_t a_row_bytes, const std::byte* b,
                                               TileShape shape) {
  constexpr int kRows = 4;
  constexpr __mmask16 kAll = 0xFFFF;  // without a mask g++ 12 warns about its own header
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
  alignas(64) Halves even;
  alignas(64) Halves odd;
  for (int k = 0; k < shape.pairs; ++k) {
    const __m512i words = _mm512_loadu_si512(b + k * kRowBytes);
    _mm512_store_ps(&even[k][0], _mm512_castsi512_ps(_mm512_maskz_slli_epi32(kAll, words, 16)));
    _mm512_store_ps(&odd[k][0], _mm512_castsi512_ps(_mm512_and_si512(words, upper)));
  }
  for (int m = 0; m < shape.rows; m += kRows) {
    __m512 even_sums[kRows];
    __m512 odd_sums[kRows];
    const std::byte* rows[kRows];
    for (int r = 0; r < kRows; ++r) {
      even_sums[r] = odd_sums[r] = _mm512_setzero_ps();
      rows[r] = a + (m + r < shape.rows ? m + r : m) * a_row_bytes;
    }
    for (int k = 0; k < shape.pairs; ++k) {
      const __m512 right_even = _mm512_load_ps(&even[k][0]);
      const __m512 right_odd = _mm512_load_ps(&odd[k][0]);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const __m512i words =
            _mm512_castps_si512(_mm512_set1_ps(reinterpret_cast<const float*>(rows[r])[k]));
        even_sums[r] =
            _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_maskz_slli_epi32(kAll, words, 16)),
                            right_even, even_sums[r]);
        odd_sums[r] = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(words, upper)),
                                      right_odd, odd_sums[r]);
      }
    }
    for (int r = 0; r < kRows && m + r < shape.rows; ++r) {
      std::uint32_t* to = c + (m + r) * kSide;
      _mm512_storeu_ps(
          to, _mm512_add_ps(_mm512_loadu_ps(to), _mm512_add_ps(even_sums[r], odd_sums[r])));
    }
  }
}

}  // namespace

std::string fma_tiles_objection() {
  const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has ? "" : "this processor has no AVX2 with FMA";
}

FlushedSubnormals::FlushedSubnormals() : before_(_mm_getcsr()) {
  constexpr unsigned kFlush = 0x8000;
  constexpr unsigned kSubnormalsAreZero = 0x0040;
  constexpr unsigned kNoTraps = 0x1F80;
  _mm_setcsr(kFlush | kSubnormalsAreZero | kNoTraps);
}
FlushedSubnormals::~FlushedSubnormals() { _mm_setcsr(before_); }

void tile_product_fma(std::uint32_t* c, const std::byte* a, std::int64_t a_row_bytes,
                      const std::byte* b, TileShape shape) {
  if (__builtin_cpu_supports("avx512f")) return product_avx512(c, a, a_row_bytes, b, shape);
  product_avx2(c, a, a_row_bytes, b, shape);
}

std::vector<std::pair<Isa, TileProduct>> tile_products_fma() {
  std::vector<std::pair<Isa, TileProduct>> all;
  if (fma_tiles_objection().empty()) all.emplace_back(Isa::avx2, product_avx2);
  if (__builtin_cpu_supports("avx512f")) all.emplace_back(Isa::avx512, product_avx512);
  return all;
}

#else

std::string fma_tiles_objection() { return "it is written for x86-64"; }

FlushedSubnormals::FlushedSubnormals() : before_(0) {}
FlushedSubnormals::~FlushedSubnormals() = default;

void tile_product_fma(std::uint32_t*, const std::byte*, std::int64_t, const std::byte*, TileShape) {
  throw std::logic_error("tile_product_fma: " + fma_tiles_objection());
}

std::vector<std::pair<Isa, TileProduct>> tile_products_fma() { return {}; }

#endif

}  // namespace mvsgd::nn::lanes
