// Sums of products, held in registers, for one instruction set.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/lanes/loops.hpp"
#include "nn/lanes/simd.hpp"

namespace mvsgd::nn::lanes {

/// y = sum of w x with weights broadcast and images in the lanes. A column is a vector of images of
/// one pixel or tile. The numbers of outputs and columns fit the registers and hide the latency of
/// a multiply-add: 12 sums of 16 registers, 24 of 32.
template <Isa Path>
struct Product {
  using S = Simd<Path>;
  using Vec = typename S::Vec;
  static constexpr int kOutputs = Path == Isa::avx512 ? 8 : 4;
  static constexpr std::int64_t kAhead = 16;  // inputs between one that is read and one asked for

  [[nodiscard]] static std::int64_t blocks(std::int64_t outputs) {
    return (outputs + kOutputs - 1) / kOutputs;
  }
  [[nodiscard]] static std::int64_t packed_floats(const PackedShape& shape) {
    return blocks(shape.outputs) * shape.terms * shape.inputs * kOutputs;
  }

  static void pack(const PackedShape& shape, const float* w, std::int64_t output_stride,
                   std::int64_t input_stride, float* packed) {
    for (std::int64_t first = 0; first < shape.outputs; first += kOutputs) {
      const std::int64_t count = std::min<std::int64_t>(kOutputs, shape.outputs - first);
      for (std::int64_t t = 0; t < shape.terms; ++t) {
        for (std::int64_t c = 0; c < shape.inputs; ++c, packed += kOutputs) {
          const float* const from = w + first * output_stride + c * input_stride + t;
          for (std::int64_t o = 0; o < count; ++o) packed[o] = from[o * output_stride];
          std::fill(packed + count, packed + kOutputs, 0.0F);
        }
      }
    }
  }

  static void round_to_bf16(std::int64_t count, const float* from, float* to) {
    std::int64_t i = 0;
    for (; i + S::kWidth <= count; i += S::kWidth) {
      S::store(to + i, S::nearest_bf16(S::load(from + i)));
    }
    if (i == count) return;
    Vec last{};
    for (int l = 0; i + l < count; ++l) last[l] = from[i + l];
    last = S::nearest_bf16(last);
    for (int l = 0; i + l < count; ++l) to[i + l] = last[l];
  }

  /// y[column][o * Stride] = sum over taps t, over inputs c, of packed[o, t.index, c]
  /// x[t * kColumns + column][c * Stride], for all outputs.
  template <int Stride>
  [[gnu::always_inline]] static void columns(int count, const PackedShape& shape,
                                             const float* packed, std::span<const Tap> taps,
                                             const float* const* x, float* const* y) {
    if (count == 3) return columns_of<3, 1, Stride>(shape, packed, taps, x, y);
    if (count == 2) return columns_of<2, 1, Stride>(shape, packed, taps, x, y);
    columns_of<1, 2, Stride>(shape, packed, taps, x, y);
  }

 private:
  template <int Columns, int Blocks, int Stride>
  [[gnu::always_inline]] static void columns_of(const PackedShape& shape, const float* packed,
                                                std::span<const Tap> taps, const float* const* x,
                                                float* const* y) {
    const std::int64_t block_stride = shape.terms * shape.inputs * kOutputs;
    std::int64_t o = 0;
    for (; o + (Blocks - 1) * kOutputs < shape.outputs; o += Blocks * kOutputs) {
      blocks_of<Columns, Blocks, Stride>(shape, o, packed, taps, x, y);
      packed += Blocks * block_stride;
    }
    if constexpr (Blocks > 1) {
      if (o < shape.outputs) blocks_of<Columns, 1, Stride>(shape, o, packed, taps, x, y);
    }
  }

  // Outputs `first` to first + Blocks * kOutputs.
  template <int Columns, int Blocks, int Stride>
  [[gnu::always_inline]] static void blocks_of(const PackedShape& shape, std::int64_t first,
                                               const float* packed, std::span<const Tap> taps,
                                               const float* const* x, float* const* y) {
    constexpr int kRows = Blocks * kOutputs;
    const std::int64_t term = shape.inputs * kOutputs;
    const std::int64_t block_stride = shape.terms * term;
    Vec sums[kRows][Columns] = {};
    for (std::size_t t = 0; t < taps.size(); ++t) {
      const float* const* const from = x + t * kColumns;
      const float* w = packed + taps[t].index * term;
      for (std::int64_t c = 0; c < shape.inputs; ++c, w += kOutputs) {
        Vec value[Columns];
        for (int i = 0; i < Columns; ++i) {
          value[i] = S::load(from[i] + c * Stride);
          // Steps of more than 2 KiB are too long for the processor to foresee.
          if constexpr (Stride > kLanes) __builtin_prefetch(from[i] + (c + kAhead) * Stride);
        }
        for (int o = 0; o < kRows; ++o) {
          const Vec weight = S::broadcast(w[o / kOutputs * block_stride + o % kOutputs]);
          for (int i = 0; i < Columns; ++i) sums[o][i] = S::fma(weight, value[i], sums[o][i]);
        }
      }
    }
    for (int o = 0; o < kRows; ++o) {
      if (first + o >= shape.outputs) break;
      for (int i = 0; i < Columns; ++i) S::store(y[i] + (first + o) * Stride, sums[o][i]);
    }
  }
};

}  // namespace mvsgd::nn::lanes
