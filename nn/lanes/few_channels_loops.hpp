// The loops of a network's first convolution, whose images come from outside and have too few
// channels to fill a vector; for one instruction set.
#pragma once

#include <algorithm>

#include "nn/lanes/direct_loops.hpp"

namespace mvsgd::nn::lanes {

template <Isa Path>
struct FewChannelsLoops {
  using S = Simd<Path>;
  using Vec = typename S::Vec;

  static void to_lanes(const Activation& shape, const float* plain, float* lanes) {
    const std::int64_t image = shape.channels * shape.plane();
    for (std::int64_t block = 0; block < shape.blocks(); ++block) {
      const std::int64_t images = shape.images_of(block);
      const float* const from = plain + block * kLanes * image;
      float* const to = lanes + block * shape.block_stride();
      std::int64_t pixel = 0;
      for (; pixel + S::kWidth <= shape.plane(); pixel += S::kWidth) {
        for (std::int64_t c = 0; c < shape.channels; ++c) {
          for (std::int64_t part = 0; part < kLanes; part += S::kWidth) {
            Vec rows[S::kWidth] = {};
            for (int i = 0; i < S::kWidth; ++i) {
              if (part + i >= images) break;
              rows[i] = S::load(from + (part + i) * image + c * shape.plane() + pixel);
            }
            S::transpose(rows);
            for (int i = 0; i < S::kWidth; ++i) {
              S::store(to + (pixel + i) * shape.pixel_stride() + c * kLanes + part, rows[i]);
            }
          }
        }
      }
      for (; pixel < shape.plane(); ++pixel) {
        for (std::int64_t c = 0; c < shape.channels; ++c) {
          for (std::int64_t n = 0; n < kLanes; ++n) {
            to[pixel * shape.pixel_stride() + c * kLanes + n] =
                n < images ? from[n * image + c * shape.plane() + pixel] : 0.0F;
          }
        }
      }
    }
  }

  static void weights(const PixelGrid& grid, std::int64_t kernel_width, const Activation& x_shape,
                      const float* x, const Activation& y_shape, const float* dy, bool first,
                      float* transposed, float* d, Range kernel_rows) {
    const std::int64_t all = padded(y_shape.channels);
    const Activation row_shape({kLanes, y_shape.channels, 1, grid.columns});
    for (std::int64_t i = 0; i < grid.rows; ++i) {
      DirectLoops<Path>::transpose(row_shape, dy + i * row_shape.block_stride(), transposed,
                                   {0, grid.columns});
      for (std::int64_t u = kernel_rows.begin; u < kernel_rows.end; ++u) {
        // The first tap of the row.
        const Tap& tap = grid.taps[static_cast<std::size_t>(u * kernel_width)];
        const std::int64_t row = grid.from * i + tap.down;
        const bool begin = first && i == 0;
        float* const sums = d + u * kernel_width * x_shape.channels * all;
        if (begin) std::fill_n(sums, kernel_width * x_shape.channels * all, 0.0F);
        if (row < 0 || row >= x_shape.height) continue;
        for (std::int64_t j = 0; j < grid.columns;) {
          // Columns whose taps from `least` to `most` are inside of the plane.
          const auto inside = [&](std::int64_t column) {
            const std::int64_t left = grid.from * column + tap.across;
            return Range{std::clamp<std::int64_t>(-left, 0, kernel_width),
                         std::clamp<std::int64_t>(x_shape.width - left, 0, kernel_width)};
          };
          const Range taps = inside(j);
          std::int64_t end = j + 1;
          while (end < grid.columns && inside(end).begin == taps.begin &&
                 inside(end).end == taps.end) {
            ++end;
          }
          if (taps.begin < taps.end) {
            const std::int64_t pixel =
                row * x_shape.width + grid.from * j + tap.across + taps.begin;
            add_taps(x + pixel * x_shape.pixel_stride(), grid.from * x_shape.pixel_stride(),
                     (taps.end - taps.begin) * x_shape.channels, end - j,
                     transposed + j * kLanes * all, y_shape.channels,
                     sums + taps.begin * x_shape.channels * all);
          }
          j = end;
        }
      }
    }
  }

 private:
  // sums[r][padded(O)] += sum over columns, over images, of x[r] dy: x's rows are a kernel row's
  // taps and channels, which stand one after the other.
  static void add_taps(const float* x, std::int64_t x_stride, std::int64_t rows,
                       std::int64_t columns, const float* transposed, std::int64_t outputs,
                       float* sums) {
    const std::int64_t all = padded(outputs);
    for_each_vectors<Path>(
        outputs, [&]<typename V, int Vectors>(std::int64_t o) __attribute__((always_inline)) {
          for (int vector = 0; vector < Vectors; ++vector, o += V::kWidth) {
            const auto at = [&](std::int64_t j) __attribute__((always_inline)) {
              return transposed + j * kLanes * all + o;
            };
            std::int64_t r = 0;
            const auto run = [&]<int Rows>() __attribute__((always_inline)) {
              for (; r + Rows <= rows; r += Rows) {
                ProductOverImages<V>::template add<Rows, 1>(
                    false, columns, x + r * kLanes, x_stride, at, all, sums + r * all + o, all);
              }
            };
            run.template operator()<9>();
            run.template operator()<3>();
            run.template operator()<1>();
          }
        });
  }
};

}  // namespace mvsgd::nn::lanes
