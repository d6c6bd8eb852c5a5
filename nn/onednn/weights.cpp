#include "nn/onednn/weights.hpp"

#include <cstddef>

#include "nn/onednn/lanes.hpp"

// The layout is that of AVX-512, so this is compiled for it and for a baseline that every processor
// has.
#if defined(__x86_64__) && defined(__gnu_linux__)
#define MVSGD_KERNEL [[gnu::target_clones("avx512f", "default")]]
#else
#define MVSGD_KERNEL
#endif
#define MVSGD_INLINE [[gnu::always_inline]] inline

namespace mvsgd::nn::kernels {
namespace {

// A block's plain data are 16 rows, one for each output channel, of 16 * taps columns, input by
// input. Its blocked data have a row of 16 outputs for each of those columns, tap by tap.
//
// Calls f(plain, row_stride, blocked, column) for every 16 columns from `column` on. `plain` is
// their first element, and `blocked` is the block.
template <typename F>
MVSGD_INLINE void for_each_square(const WeightShape& shape, const F& f) {
  const std::int64_t row_stride = shape.inputs * shape.taps;
  std::int64_t block = 0;
  for (std::int64_t o = 0; o < shape.outputs; o += kSide) {
    for (std::int64_t i = 0; i < shape.inputs; i += kSide, block += shape.taps * kSide * kSide) {
      for (std::int64_t column = 0; column < kSide * shape.taps; column += kSide) {
        f(o * row_stride + i * shape.taps + column, row_stride, block, column);
      }
    }
  }
}

// The place of a column's outputs in their block.
MVSGD_INLINE std::int64_t place(std::int64_t column, std::int64_t taps) {
  return (column % taps * kSide + column / taps) * kSide;
}

}  // namespace

MVSGD_KERNEL void pack(const WeightShape& shape, const float* plain, float* blocked) {
  for_each_square(
      shape, [&](std::int64_t from, std::int64_t row_stride, std::int64_t block,
                 std::int64_t column) __attribute__((always_inline)) {
        Vec rows[kSide];
        for (std::int64_t o = 0; o < kSide; ++o) rows[o] = *vector(plain + from + o * row_stride);
        transpose(rows);
        for (std::int64_t c = 0; c < kSide; ++c) {
          *vector(blocked + block + place(column + c, shape.taps)) = rows[c];
        }
      });
}

MVSGD_KERNEL void unpack(const WeightShape& shape, const float* blocked, float* plain, Into into) {
  for_each_square(
      shape, [&](std::int64_t to, std::int64_t row_stride, std::int64_t block, std::int64_t column)
                 __attribute__((always_inline)) {
                   Vec rows[kSide];
                   for (std::int64_t c = 0; c < kSide; ++c) {
                     rows[c] = *vector(blocked + block + place(column + c, shape.taps));
                   }
                   transpose(rows);
                   for (std::int64_t o = 0; o < kSide; ++o) {
                     Vec* const row = vector(plain + to + o * row_stride);
                     *row = into == Into::add ? *row + rows[o] : rows[o];
                   }
                 });
}

}  // namespace mvsgd::nn::kernels
