// Tiles of an activation, and their transforms.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/lanes/read_ahead.hpp"
#include "nn/lanes/winograd_algebra.hpp"

namespace mvsgd::nn::lanes::winograd {

// Where the results of a tile begin. Tiles are counted through all blocks, row by row.
struct Corner {
  std::int64_t block;
  std::int64_t top;
  std::int64_t left;
  Corner(const Activation& shape, std::int64_t tile)
      : block(tile / tiles_of(shape)),
        top(tile % tiles_of(shape) / tiles_across(shape) * kTile),
        left(tile % tiles_across(shape) * kTile) {}
};

// The square of Side x Side pixels that begins `Before` rows and columns before a tile's results. A
// pixel is where it stands in memory, or at `zeros` if it is outside the plane.
template <int Side, int Before>
struct Square {
  const float* pixels[Side * Side];
  std::int64_t row_stride;
  std::int64_t pixel_stride;
  bool inside;

  /// Pixel `index`, row by row.
  [[nodiscard, gnu::always_inline]] const float* pixel(int index) const {
    return inside ? pixels[0] + index / Side * row_stride + index % Side * pixel_stride
                  : pixels[index];
  }

  [[gnu::always_inline]] Square(const Activation& shape, const Corner& corner, const float* x,
                                const float* zeros)
      : row_stride(shape.width * shape.pixel_stride()), pixel_stride(shape.pixel_stride()) {
    const std::int64_t top = corner.top - Before;
    const std::int64_t left = corner.left - Before;
    const float* const first =
        x + corner.block * shape.block_stride() + top * row_stride + left * pixel_stride;
    pixels[0] = first;
    inside = top >= 0 && left >= 0 && top + Side <= shape.height && left + Side <= shape.width;
    if (inside) return;
    for (int row = 0; row < Side; ++row) {
      for (int column = 0; column < Side; ++column) {
        const bool here = top + row >= 0 && top + row < shape.height && left + column >= 0 &&
                          left + column < shape.width;
        pixels[row * Side + column] =
            here ? first + row * row_stride + column * pixel_stride : zeros;
      }
    }
  }
};

// Reads in order what a few tiles from this one on read by squares of Side x Side pixels and those
// before them did not; nothing where tiles before it have done so.
template <int Side, int Before>
inline void read_tiles_ahead(const Activation& shape, const Corner& corner, const float* x) {
  constexpr std::int64_t kFloats = std::int64_t{16} << 10;
  constexpr std::int64_t kAfter = Side - Before - kTile;
  const std::int64_t tile = kTile * kTile * shape.pixel_stride();
  const std::int64_t pixels = (kFloats > tile ? kFloats / tile : 1) * kTile;
  if (corner.left % pixels != 0) return;
  const std::int64_t left = corner.left == 0 ? 0 : corner.left + kAfter;
  const std::int64_t right = std::min(corner.left + pixels + kAfter, shape.width);
  const std::int64_t bottom = std::min(corner.top + kTile + kAfter, shape.height);
  for (std::int64_t row = corner.top == 0 ? 0 : corner.top + kAfter; row < bottom; ++row) {
    read_ahead(
        x + corner.block * shape.block_stride() + (row * shape.width + left) * shape.pixel_stride(),
        (right - left) * shape.pixel_stride());
  }
}

// Where a tile's results will be written. The processor does not foresee writing by tiles either,
// and each new line of the cache is waited for in turn.
class TileOfResults {
 public:
  [[gnu::always_inline]] TileOfResults(const Activation& shape, const Corner& corner,
                                       const float* y) {
    for (std::int64_t i = 0; i < kTile * kTile; ++i) {
      const std::int64_t row = std::min(corner.top + i / kTile, shape.height - 1);
      const std::int64_t column = std::min(corner.left + i % kTile, shape.width - 1);
      pixels_[i] = y + corner.block * shape.block_stride() +
                   (row * shape.width + column) * shape.pixel_stride();
    }
  }
  /// Has a channel's lines fetched, to be written.
  [[gnu::always_inline]] void ask_for(std::int64_t channel) const {
    for (const float* pixel : pixels_) __builtin_prefetch(pixel + channel * kLanes, 1, 2);
  }

 private:
  const float* pixels_[kTile * kTile];
};

// Of the vectors `at` floats behind the pixels.
template <typename V, typename One, int Side, int Before, typename Save>
[[gnu::always_inline]] inline void transform_tile(const Square<Side, Before>& square,
                                                  std::int64_t at, const Save& save) {
  if (square.inside) {
    const float* const from = square.pixels[0] + at;
    const auto load = [&](int column, typename V::Vec* values) __attribute__((always_inline)) {
      Line<V>{from + column * square.pixel_stride, square.row_stride}.template load<Side>(values);
    };
    along_both<V, One, Side, kInputs>(load, save);
  } else {
    const auto load = [&](int column, typename V::Vec* values) __attribute__((always_inline)) {
      for (int row = 0; row < Side; ++row) {
        values[row] = V::load(square.pixels[row * Side + column] + at);
      }
    };
    along_both<V, One, Side, kInputs>(load, save);
  }
}

}  // namespace mvsgd::nn::lanes::winograd
