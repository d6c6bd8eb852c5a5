// The vector of an instruction set. Each source that is compiled for one set includes this.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "nn/lanes/activation.hpp"
#include "nn/lanes/isa.hpp"

namespace mvsgd::nn::lanes {

template <int Width>
struct VecOf {
  using Floats __attribute__((vector_size(Width * sizeof(float)))) = float;
  using Words __attribute__((vector_size(Width * sizeof(float)))) = std::int32_t;
  using Bits __attribute__((vector_size(Width * sizeof(float)))) = std::uint32_t;
};

/// kWidth floats with comparison and the operators of arithmetic, each rounded once.
template <Isa Path>
struct Simd {
  static constexpr int kWidth = Path == Isa::avx512 ? 16 : Path == Isa::avx2 ? 8 : 4;
  /// The number of vectors that hold the images of a block.
  static constexpr int kParts = static_cast<int>(kLanes) / kWidth;
  using Vec = typename VecOf<kWidth>::Floats;

  [[gnu::always_inline]] static Vec load(const float* x) {
    Vec value;
    __builtin_memcpy(&value, x, sizeof(value));
    return value;
  }
  [[gnu::always_inline]] static void store(float* x, Vec value) {
    __builtin_memcpy(x, &value, sizeof(value));
  }
  [[gnu::always_inline]] static Vec broadcast(float x) { return x - Vec{}; }

  /// Lanes first to first + Count, of half a vector or a whole one.
  template <int Count>
  [[gnu::always_inline]] static void store_part(float* x, Vec value, int first) {
    static_assert(2 * Count >= kWidth);
    if constexpr (Count < kWidth) {
      using Part = typename VecOf<Count>::Floats;
      const auto half = [value]<int... Lane>(int begin, std::integer_sequence<int, Lane...>)
          __attribute__((always_inline)) {
        return begin == 0 ? __builtin_shufflevector(value, value, Lane...)
                          : __builtin_shufflevector(value, value, (Lane + Count)...);
      };
      const Part part = half(first, std::make_integer_sequence<int, Count>());
      __builtin_memcpy(x, &part, sizeof(part));
    } else {
      store(x, value);
    }
  }

  /// Each number rounded to bfloat16, as nearest_bf16() of nn/lanes/tiles.hpp does.
  [[gnu::always_inline]] static Vec nearest_bf16(Vec value) {
    using Words = typename VecOf<kWidth>::Words;
    using Bits = typename VecOf<kWidth>::Bits;
    constexpr auto kSign = static_cast<std::int32_t>(0x80000000);
    constexpr auto kUpper = static_cast<std::int32_t>(0xFFFF0000);
    const auto x = reinterpret_cast<Words>(value);
    const auto bits = reinterpret_cast<Bits>(value);
    const Words magnitude = x & 0x7FFFFFFF;
    const auto nearest = reinterpret_cast<Words>(bits + 0x7FFF + (bits >> 16 & 1)) & kUpper;
    const Words flushed = magnitude < 0x00800000 ? x & kSign : nearest;
    const Words quiet = (x & kUpper) | 0x00400000;
    return reinterpret_cast<Vec>(magnitude > 0x7F800000 ? quiet : flushed);
  }

  /// a * b + c, rounded once.
  [[gnu::always_inline]] static Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
    if constexpr (Path == Isa::avx512) return _mm512_fmadd_ps(a, b, c);
#endif
#if defined(__FMA__)
    if constexpr (Path == Isa::avx2) return _mm256_fmadd_ps(a, b, c);
#endif
    Vec result{};
    for (int l = 0; l < kWidth; ++l) result[l] = std::fma(a[l], b[l], c[l]);
    return result;
  }

  /// c - a * b, rounded once.
  [[gnu::always_inline]] static Vec fnma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
    if constexpr (Path == Isa::avx512) return _mm512_fnmadd_ps(a, b, c);
#endif
#if defined(__FMA__)
    if constexpr (Path == Isa::avx2) return _mm256_fnmadd_ps(a, b, c);
#endif
    return fma(-a, b, c);
  }

  /// Exchanges rows[i][j] and rows[j][i].
  [[gnu::always_inline]] static void transpose(Vec (&rows)[kWidth]) {
    for (int i = 0; i < kWidth; i += 4) transpose_fours(rows + i);
    if constexpr (kWidth > 4) exchange<4>(rows);
    if constexpr (kWidth > 8) exchange<8>(rows);
  }

 private:
  // Four rows, each four lanes of them by itself: pairs of lanes are one instruction.
  [[gnu::always_inline]] static void transpose_fours(Vec* rows) {
    constexpr auto kAll = std::make_integer_sequence<int, kWidth>();
    const Vec low_a = interleaved<0, 1>(rows[0], rows[1], kAll);
    const Vec high_a = interleaved<2, 1>(rows[0], rows[1], kAll);
    const Vec low_b = interleaved<0, 1>(rows[2], rows[3], kAll);
    const Vec high_b = interleaved<2, 1>(rows[2], rows[3], kAll);
    rows[0] = interleaved<0, 2>(low_a, low_b, kAll);
    rows[1] = interleaved<2, 2>(low_a, low_b, kAll);
    rows[2] = interleaved<0, 2>(high_a, high_b, kAll);
    rows[3] = interleaved<2, 2>(high_a, high_b, kAll);
  }
  // Of each four lanes of a and of b, the two from First on: Run of a's and as many of b's by
  // turns.
  template <int First, int Run, int... Lane>
  [[gnu::always_inline]] static Vec interleaved(Vec a, Vec b,
                                                std::integer_sequence<int, Lane...> /*all*/) {
    return __builtin_shufflevector(a, b,
                                   (Lane / 4 * 4 + First + Lane % 4 / (2 * Run) + Lane % Run +
                                    ((Lane & Run) != 0 ? kWidth : 0))...);
  }

  // Of each pair of rows `Apart` apart, lanes with that bit change places with lanes without it.
  template <int Apart>
  [[gnu::always_inline]] static void exchange(Vec (&rows)[kWidth]) {
    for (int i = 0; i < kWidth; ++i) {
      if ((i & Apart) != 0) continue;
      const Vec a = rows[i];
      const Vec b = rows[i + Apart];
      rows[i] = upper<Apart>(a, b, std::make_integer_sequence<int, kWidth>());
      rows[i + Apart] = lower<Apart>(a, b, std::make_integer_sequence<int, kWidth>());
    }
  }
  template <int Apart, int... Lane>
  [[gnu::always_inline]] static Vec upper(Vec a, Vec b, std::integer_sequence<int, Lane...>) {
    return __builtin_shufflevector(a, b, ((Lane & Apart) != 0 ? kWidth + Lane - Apart : Lane)...);
  }
  template <int Apart, int... Lane>
  [[gnu::always_inline]] static Vec lower(Vec a, Vec b, std::integer_sequence<int, Lane...>) {
    return __builtin_shufflevector(a, b, ((Lane & Apart) != 0 ? kWidth + Lane : Lane + Apart)...);
  }
};

}  // namespace mvsgd::nn::lanes
