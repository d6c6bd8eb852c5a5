// Vectors of 16 floats, the block of channels in AVX-512's layouts, for sources that compile their
// loops for several instruction sets. GCC splits them if registers are narrower. Only local
// variables have this type, since its calling convention depends on the instruction set. Pointers
// stand for references to it, of which clang takes the vector's own alignment for granted.
#pragma once

#include <cstdint>
#include <utility>

namespace mvsgd::nn::kernels {

inline constexpr std::int64_t kSide = 16;
using Vec __attribute__((vector_size(kSide * sizeof(float)), may_alias, aligned(4))) = float;

[[gnu::always_inline]] inline Vec* vector(float* x) { return reinterpret_cast<Vec*>(x); }
[[gnu::always_inline]] inline const Vec* vector(const float* x) {
  return reinterpret_cast<const Vec*>(x);
}

/// One step of transpose(): for each pair of rows `Apart` apart, exchanges the lanes with that bit
/// for the lanes without it.
template <int Apart, int... Lane>
[[gnu::always_inline]] inline void exchange(Vec* rows, std::integer_sequence<int, Lane...>) {
  for (int i = 0; i < kSide; ++i) {
    if ((i & Apart) != 0) continue;
    const Vec a = rows[i];
    const Vec b = rows[i + Apart];
    rows[i] = __builtin_shufflevector(a, b, ((Lane & Apart) != 0 ? kSide + Lane - Apart : Lane)...);
    rows[i + Apart] =
        __builtin_shufflevector(a, b, ((Lane & Apart) != 0 ? kSide + Lane : Lane + Apart)...);
  }
}

/// Transposes 16 rows.
[[gnu::always_inline]] inline void transpose(Vec* rows) {
  constexpr std::make_integer_sequence<int, kSide> kEach;
  exchange<1>(rows, kEach);
  exchange<2>(rows, kEach);
  exchange<4>(rows, kEach);
  exchange<8>(rows, kEach);
}

}  // namespace mvsgd::nn::kernels
