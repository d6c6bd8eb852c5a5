// Winograd's convolutions with images in the lanes, forward and for the data's gradient, for one
// instruction set. No transform mixes lanes, so none needs a shuffle.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/lanes/winograd_pack.hpp"
#include "nn/lanes/winograd_tiles.hpp"

namespace mvsgd::nn::lanes {

template <Isa Path>
struct WinogradLoops {
  using S = Simd<Path>;
  using P = Product<Path>;
  using U = WinogradPack<Path>;
  static std::int64_t scratch_floats(std::int64_t inputs, std::int64_t outputs,
                                     std::int64_t tiles) {
    const std::int64_t chunk = columns_of(inputs, outputs, tiles);
    return chunk / S::kParts * (inputs + outputs) * kApart;
  }

  static bool at_once(std::int64_t inputs, std::int64_t outputs, std::int64_t tiles) {
    return columns_of(inputs, outputs, tiles) == tiles * S::kParts;
  }

  static void convolve(const Activation& x_shape, const float* x, const float* packed,
                       const Activation& y_shape, float* y, Range outputs, const float* zeros,
                       float* scratch, Range tiles) {
    const std::int64_t chunk =
        columns_of(x_shape.channels, y_shape.channels, tiles.end - tiles.begin);
    const std::int64_t made = outputs.end - outputs.begin;
    float* const v = scratch;
    float* const m = scratch + chunk / S::kParts * x_shape.channels * kApart;
    const std::int64_t end = tiles.end * S::kParts;
    for (std::int64_t first = tiles.begin * S::kParts; first < end; first += chunk) {
      const std::int64_t count = std::min(chunk, end - first);
      // In the order of memory: a line of x or y, which has all images of a tile, is gone through
      // at once.
      for (std::int64_t column = 0; column < count && outputs.begin == 0; column += S::kParts) {
        const winograd::Corner corner(x_shape, (first + column) / S::kParts);
        const winograd::Square<winograd::kInputs, 1> square(x_shape, corner, x, zeros);
        const winograd::TileOfResults results_of(y_shape, corner, y);
        for (std::int64_t c = 0; c < x_shape.channels; ++c) {
          if (c < made) results_of.ask_for(c);
          for (int part = 0; part < S::kParts; ++part) {
            float* const to = v + at(x_shape.channels, column + part) + c * kApart;
            const auto save = [&](int row, const typename S::Vec* values)
                __attribute__((always_inline)) {
              winograd::LineOut<S>{to + row * winograd::kInputs * kLanes, kLanes}
                  .template store<winograd::kInputs>(values);
            };
            winograd::transform_tile<S, winograd::B>(square, c * kLanes + part * S::kWidth, save);
          }
        }
      }
      multiply(x_shape.channels, made, count, packed, v, m);
      for (std::int64_t column = 0; column < count; column += S::kParts) {
        const winograd::Corner corner(y_shape, (first + column) / S::kParts);
        float* const to = y + corner.block * y_shape.block_stride() + outputs.begin * kLanes;
        for (std::int64_t o = 0; o < made; ++o) {
          for (int part = 0; part < S::kParts; ++part) {
            results(y_shape, corner, m + at(made, column + part) + o * kApart,
                    to + o * kLanes + part * S::kWidth);
          }
        }
      }
    }
  }

 private:
  // Columns (vectors of images of a tile) that are transformed and multiplied at once: whole tiles.
  static std::int64_t columns_of(std::int64_t inputs, std::int64_t outputs, std::int64_t tiles) {
    const std::int64_t fit =
        in_cache(kPlaces * (inputs + outputs) * S::kWidth, U::packed_floats(outputs, inputs));
    constexpr std::int64_t kWhole = kColumns * S::kParts;
    return std::min((fit + kWhole - 1) / kWhole * kWhole, tiles * S::kParts);
  }
  // V and M are [tiles][channels][36 places][16 images]: the numbers of a tile's channel are
  // written, or read, one after the other. The distance in floats from a channel to the next has a
  // line more, which keeps the same place of all channels from a few sets of the cache.
  static constexpr std::int64_t kApart = (kPlaces + 1) * kLanes;

  // Where a column begins.
  static std::int64_t at(std::int64_t channels, std::int64_t column) {
    return column / S::kParts * channels * kApart + column % S::kParts * S::kWidth;
  }

  static void multiply(std::int64_t inputs, std::int64_t outputs, std::int64_t columns,
                       const float* packed, const float* v, float* m) {
    const PackedShape shape{.outputs = outputs, .terms = 1, .inputs = inputs};
    const std::int64_t u_place = U::packed_place(outputs, inputs);
    const Tap only;
    for (std::int64_t place = 0; place < kPlaces; ++place) {
      for (std::int64_t first = 0; first < columns; first += kColumns) {
        const int count = static_cast<int>(std::min<std::int64_t>(kColumns, columns - first));
        const float* from[kColumns];
        float* to[kColumns];
        for (int column = 0; column < count; ++column) {
          from[column] = v + at(inputs, first + column) + place * kLanes;
          to[column] = m + at(outputs, first + column) + place * kLanes;
        }
        P::template columns<kApart>(count, shape, packed + place * u_place, {&only, 1}, from, to);
      }
    }
  }

  // y = A^T m A of one tile and channel.
  [[gnu::always_inline]] static void results(const Activation& shape,
                                             const winograd::Corner& corner, const float* m,
                                             float* y) {
    const auto load = [&](int column, typename S::Vec* values) __attribute__((always_inline)) {
      winograd::Line<S>{m + column * kLanes, winograd::kInputs * kLanes}
          .template load<winograd::kInputs>(values);
    };
    const std::int64_t row_stride = shape.width * shape.pixel_stride();
    float* const to = y + corner.top * row_stride + corner.left * shape.pixel_stride();
    if (corner.top + kTile <= shape.height && corner.left + kTile <= shape.width) {
      const auto save = [&](int row, const typename S::Vec* values) __attribute__((always_inline)) {
        winograd::LineOut<S>{to + row * row_stride, shape.pixel_stride()}
            .template store<winograd::kResults>(values);
      };
      return winograd::along_both<S, winograd::At, winograd::kInputs, winograd::kResults>(load,
                                                                                          save);
    }
    const auto save = [&](int row, const typename S::Vec* values) __attribute__((always_inline)) {
      for (int column = 0; column < winograd::kResults; ++column) {
        if (corner.top + row >= shape.height || corner.left + column >= shape.width) continue;
        S::store(to + row * row_stride + column * shape.pixel_stride(), values[column]);
      }
    };
    winograd::along_both<S, winograd::At, winograd::kInputs, winograd::kResults>(load, save);
  }
};

}  // namespace mvsgd::nn::lanes
