// Sums of products in registers, for one instruction set.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/lanes/loops.hpp"
#include "nn/lanes/simd.hpp"

namespace mvsgd::nn::lanes {

/// y = sum of w x with weights broadcast and images in the lanes. So many outputs and columns (a
/// column is a vector of images of one pixel or tile) fit the registers and hide the latency of a
/// multiply-add: 12 sums of 16 registers, 24 of 32.
template <Isa isa>
struct Product {
  using S = Simd<isa>;
  using Vec = typename S::Vec;
  static constexpr int kOutputs = isa == Isa::avx512 ? 8 : 4;

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
        for (int i = 0; i < Columns; ++i) value[i] = S::load(from[i] + c * Stride);
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

/// d = sum of dy x over images, dy broadcast and channels in the lanes: the products of a weight
/// gradient. S is the vector.
template <typename S>
struct ProductOverImages {
  using Vec = typename S::Vec;

  /// d[o * d_stride + c] = or, unless `first`, += sum over steps s, over images n, of z[s *
  /// z_stride + o * kLanes + n] v[at(s) + n * v_stride + c], for Outputs outputs and Vectors
  /// vectors of channels.
  template <int Outputs, int Vectors, typename At>
  [[gnu::always_inline]] static void add(bool first, std::int64_t steps, const float* z,
                                         std::int64_t z_stride, const At& at, std::int64_t v_stride,
                                         float* d, std::int64_t d_stride) {
    Vec sums[Outputs][Vectors] = {};
    for (int o = 0; o < Outputs && !first; ++o) {
      for (int i = 0; i < Vectors; ++i) sums[o][i] = S::load(d + o * d_stride + i * S::kWidth);
    }
    for (std::int64_t s = 0; s < steps; ++s) {
      const float* v = at(s);
      if (v == nullptr) continue;
      const float* const factors = z + s * z_stride;
      for (std::int64_t n = 0; n < kLanes; ++n, v += v_stride) {
        Vec value[Vectors];
        for (int i = 0; i < Vectors; ++i) value[i] = S::load(v + i * S::kWidth);
        for (int o = 0; o < Outputs; ++o) {
          const Vec factor = S::broadcast(factors[o * kLanes + n]);
          for (int i = 0; i < Vectors; ++i) sums[o][i] = S::fma(factor, value[i], sums[o][i]);
        }
      }
    }
    for (int o = 0; o < Outputs; ++o) {
      for (int i = 0; i < Vectors; ++i) S::store(d + o * d_stride + i * S::kWidth, sums[o][i]);
    }
  }

  /// The same for outputs [begin, end) and Vectors vectors.
  template <int Vectors, typename At>
  [[gnu::always_inline]] static void outputs(Range range, bool first, std::int64_t steps,
                                             const float* z, std::int64_t z_stride, const At& at,
                                             std::int64_t v_stride, float* d,
                                             std::int64_t d_stride) {
    // As many sums as hide the latency of a multiply-add.
    constexpr int kMany = Vectors == 1 || S::kWidth == 16 ? 8 : 4;
    std::int64_t o = range.begin;
    for (; o + kMany <= range.end; o += kMany) {
      add<kMany, Vectors>(first, steps, z + o * kLanes, z_stride, at, v_stride, d + o * d_stride,
                          d_stride);
    }
    for (; o < range.end; ++o) {
      add<1, Vectors>(first, steps, z + o * kLanes, z_stride, at, v_stride, d + o * d_stride,
                      d_stride);
    }
  }
};

/// f(S, Vectors as a constant, first channel) for vectors that cover padded(channels): as many
/// channels at once as pay.
template <Isa isa, typename F>
[[gnu::always_inline]] inline void for_each_vectors(std::int64_t channels, const F& f) {
  using Whole = Simd<isa>;
  const std::int64_t all = padded(channels);
  std::int64_t c = 0;
  const auto run = [&]<typename S, int Vectors>() __attribute__((always_inline)) {
    for (; c + Vectors * S::kWidth <= all; c += Vectors * S::kWidth) {
      f.template operator()<S, Vectors>(c);
    }
  };
  run.template operator()<Whole, 3>();
  run.template operator()<Whole, 2>();
  run.template operator()<Whole, 1>();
  if constexpr (isa == Isa::avx512) run.template operator()<Simd<Isa::avx2>, 1>();
}

}  // namespace mvsgd::nn::lanes
