// Convolutions by their definition, for one instruction set.
#pragma once

#include <cstddef>

#include "nn/lanes/image_products.hpp"
#include "nn/lanes/products.hpp"

namespace mvsgd::nn::lanes {

template <Isa Path>
struct DirectLoops {
  using S = Simd<Path>;
  using P = Product<Path>;

  static void direct(const PixelGrid& grid, const Activation& x_shape, const float* x,
                     const float* packed, const float* zeros, const Activation& y_shape, float* y,
                     std::span<const float*> scratch, Range pixels) {
    const PackedShape shape{
        .outputs = y_shape.channels, .terms = grid.kernel, .inputs = x_shape.channels};
    float* to[kColumns];
    // A column is a vector of images at one pixel.
    const std::int64_t end = pixels.end * S::kParts;
    for (std::int64_t first = pixels.begin * S::kParts; first < end; first += kColumns) {
      const int count = static_cast<int>(std::min<std::int64_t>(kColumns, end - first));
      for (int column = 0; column < count; ++column) {
        const std::int64_t pixel = (first + column) / S::kParts;
        const std::int64_t part = (first + column) % S::kParts * S::kWidth;
        const std::int64_t block = pixel / (grid.rows * grid.columns);
        const std::int64_t i = pixel / grid.columns % grid.rows;
        const std::int64_t j = pixel % grid.columns;
        to[column] = y + block * y_shape.block_stride() +
                     ((grid.top + grid.step * i) * y_shape.width + grid.left + grid.step * j) *
                         y_shape.pixel_stride() +
                     part;
        const float* const plane = x + block * x_shape.block_stride() + part;
        for (std::size_t t = 0; t < grid.taps.size(); ++t) {
          const std::int64_t pixel_of = read(grid, x_shape, grid.taps[t], i, j);
          scratch[t * kColumns + static_cast<std::size_t>(column)] =
              pixel_of < 0 ? zeros : plane + pixel_of * x_shape.pixel_stride();
        }
      }
      P::template columns<static_cast<int>(kLanes)>(count, shape, packed, grid.taps, scratch.data(),
                                                    to);
    }
  }

  static void transpose(const Activation& shape, const float* x, float* transposed, Range pixels) {
    const std::int64_t all = padded(shape.channels);
    for (std::int64_t pixel = pixels.begin; pixel < pixels.end; ++pixel) {
      const float* const from = x + pixel * shape.pixel_stride();
      float* const to = transposed + pixel * kLanes * all;
      std::int64_t c = 0;
      for (; c + S::kWidth <= all; c += S::kWidth) transpose_part<S>(shape.channels, from, to, c);
      if constexpr (Path == Isa::avx512) {
        if (c < all) transpose_part<Simd<Isa::avx2>>(shape.channels, from, to, c);
      }
    }
  }

  static void direct_weights(const PixelGrid& grid, const Activation& x_shape,
                             const float* transposed, const Activation& y_shape, const float* dy,
                             bool first, float* d, Range outputs) {
    const std::int64_t all = padded(x_shape.channels);
    const std::int64_t tap_stride = y_shape.channels * all;
    const auto taps = static_cast<std::int64_t>(grid.taps.size());
    // If the sums of all taps fit the cache, they stay there, and rows are read once for all taps.
    constexpr std::int64_t kFloats = std::int64_t{64} << 10;
    const bool by_rows = taps * tap_stride <= kFloats;
    for (std::int64_t step = 0; step < taps * grid.rows; ++step) {
      const std::int64_t i = by_rows ? step / taps : step % grid.rows;
      const Tap& tap =
          grid.taps[static_cast<std::size_t>(by_rows ? step % taps : step / grid.rows)];
      for_each_vectors<Path>(
          x_shape.channels, [&]<typename V, int Vectors>(
                                std::int64_t c) __attribute__((always_inline)) {
            const auto at = [&](std::int64_t j) __attribute__((always_inline))->const float* {
              const std::int64_t pixel = read(grid, x_shape, tap, i, j);
              return pixel < 0 ? nullptr : transposed + pixel * kLanes * all + c;
            };
            ProductOverImages<V>::template rows<Vectors>(
                outputs, first && i == 0, grid.columns,
                dy + i * grid.columns * y_shape.pixel_stride(), y_shape.pixel_stride(), at, all,
                d + tap.index * tap_stride + c, all);
          });
    }
  }

 private:
  // The pixel that a tap of pixel (i, j) of the grid reads, -1 outside of the plane.
  [[gnu::always_inline]] static std::int64_t read(const PixelGrid& grid, const Activation& shape,
                                                  const Tap& tap, std::int64_t i, std::int64_t j) {
    const std::int64_t row = grid.from * i + tap.down;
    const std::int64_t column = grid.from * j + tap.across;
    const bool inside = row >= 0 && row < shape.height && column >= 0 && column < shape.width;
    return inside ? row * shape.width + column : -1;
  }

  // Channels c to c + V's width of one pixel.
  template <typename V>
  [[gnu::always_inline]] static void transpose_part(std::int64_t channels, const float* from,
                                                    float* to, std::int64_t c) {
    for (std::int64_t part = 0; part < V::kParts; ++part) {
      typename V::Vec rows[V::kWidth] = {};
      for (int i = 0; i < V::kWidth; ++i) {
        if (c + i < channels) rows[i] = V::load(from + (c + i) * kLanes + part * V::kWidth);
      }
      V::transpose(rows);
      for (int i = 0; i < V::kWidth; ++i) {
        V::store(to + (part * V::kWidth + i) * padded(channels) + c, rows[i]);
      }
    }
  }
};

}  // namespace mvsgd::nn::lanes
