// Winograd's convolutions with images in the lanes, forward and for the data's gradient, for one
// instruction set. No transform mixes lanes, so none needs a shuffle.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/lanes/products.hpp"
#include "nn/lanes/winograd_tiles.hpp"

namespace mvsgd::nn::lanes {

template <Isa isa>
struct WinogradLoops {
  using S = Simd<isa>;
  using P = Product<isa>;
  // The vector for weights, of which there are nine taps.
  using Half = Simd<isa == Isa::avx512 ? Isa::avx2 : isa>;

  static std::int64_t packed_floats(std::int64_t outputs, std::int64_t inputs) {
    return kPlaces * packed_place(outputs, inputs);
  }

  // Packs with outputs in the lanes.
  static void pack(std::int64_t outputs, std::int64_t inputs, const float* w,
                   std::int64_t output_stride, std::int64_t input_stride, bool turned,
                   float* packed) {
    for (std::int64_t first = 0; first < outputs; first += Half::kWidth) {
      const std::int64_t count = std::min<std::int64_t>(Half::kWidth, outputs - first);
      for (std::int64_t c = 0; c < inputs; ++c) {
        const float* const from = w + first * output_stride + c * input_stride;
        float* const to = packed + (first / P::kOutputs * inputs + c) * P::kOutputs;
        turned ? pack_part<true>(inputs, count, from, output_stride, outputs, to)
               : pack_part<false>(inputs, count, from, output_stride, outputs, to);
      }
    }
  }

  static std::int64_t scratch_floats(std::int64_t inputs, std::int64_t outputs,
                                     std::int64_t tiles) {
    const std::int64_t chunk = columns_of(inputs, outputs, tiles);
    return kPlaces * (column_place(chunk, inputs) + column_place(chunk, outputs));
  }

  static void convolve(const Activation& x_shape, const float* x, const float* packed,
                       const Activation& y_shape, float* y, const float* zeros, float* scratch,
                       Range tiles) {
    const std::int64_t chunk =
        columns_of(x_shape.channels, y_shape.channels, tiles.end - tiles.begin);
    const std::int64_t v_place = column_place(chunk, x_shape.channels);
    const std::int64_t m_place = column_place(chunk, y_shape.channels);
    float* const v = scratch;
    float* const m = scratch + kPlaces * v_place;
    const std::int64_t end = tiles.end * S::kParts;
    for (std::int64_t first = tiles.begin * S::kParts; first < end; first += chunk) {
      const std::int64_t count = std::min(chunk, end - first);
      // In the order of memory: a line of x or y, which holds all images of a tile, is read or
      // written at once.
      for (std::int64_t column = 0; column < count; column += S::kParts) {
        const winograd::Square<winograd::kInputs, 1> square(
            x_shape, winograd::Corner(x_shape, (first + column) / S::kParts), x, zeros);
        for (std::int64_t c = 0; c < x_shape.channels; ++c) {
          for (int part = 0; part < S::kParts; ++part) {
            float* const to = v + ((column + part) * x_shape.channels + c) * S::kWidth;
            const auto save = [&](int row, const typename S::Vec* values)
                __attribute__((always_inline)) {
              winograd::LineOut<S>{to + row * winograd::kInputs * v_place, v_place}
                  .template store<winograd::kInputs>(values);
            };
            winograd::transform_tile<S, winograd::B>(square, c * kLanes + part * S::kWidth, save);
          }
        }
      }
      multiply(x_shape.channels, y_shape.channels, count, packed, v, v_place, m, m_place);
      for (std::int64_t column = 0; column < count; column += S::kParts) {
        const winograd::Corner corner(y_shape, (first + column) / S::kParts);
        float* const to = y + corner.block * y_shape.block_stride();
        for (std::int64_t o = 0; o < y_shape.channels; ++o) {
          for (int part = 0; part < S::kParts; ++part) {
            results(y_shape, corner, m + ((column + part) * y_shape.channels + o) * S::kWidth,
                    m_place, to + o * kLanes + part * S::kWidth);
          }
        }
      }
    }
  }

 private:
  // Extra floats at each place, so that the same element of all places does not fall into one set
  // of the cache.
  static constexpr std::int64_t kApart = 16;

  // The floats of U at one place.
  static std::int64_t packed_place(std::int64_t outputs, std::int64_t inputs) {
    return P::packed_floats({.outputs = outputs, .terms = 1, .inputs = inputs}) + kApart;
  }

  // The columns (vectors of images of a tile) that are transformed and multiplied at once: whole
  // tiles.
  static std::int64_t columns_of(std::int64_t inputs, std::int64_t outputs, std::int64_t tiles) {
    const std::int64_t fit =
        in_cache(kPlaces * (inputs + outputs) * S::kWidth, packed_floats(outputs, inputs));
    constexpr std::int64_t kWhole = kColumns * S::kParts;
    return std::min((fit + kWhole - 1) / kWhole * kWhole, tiles * S::kParts);
  }
  static std::int64_t column_place(std::int64_t columns, std::int64_t channels) {
    return columns * channels * S::kWidth + kApart;
  }

  static void multiply(std::int64_t inputs, std::int64_t outputs, std::int64_t columns,
                       const float* packed, const float* v, std::int64_t v_place, float* m,
                       std::int64_t m_place) {
    const PackedShape shape{.outputs = outputs, .terms = 1, .inputs = inputs};
    const std::int64_t u_place = packed_place(outputs, inputs);
    const Tap only;
    for (std::int64_t place = 0; place < kPlaces; ++place) {
      for (std::int64_t first = 0; first < columns; first += kColumns) {
        const int count = static_cast<int>(std::min<std::int64_t>(kColumns, columns - first));
        const float* from[kColumns];
        float* to[kColumns];
        for (int column = 0; column < count; ++column) {
          from[column] = v + place * v_place + (first + column) * inputs * S::kWidth;
          to[column] = m + place * m_place + (first + column) * outputs * S::kWidth;
        }
        P::template columns<S::kWidth>(count, shape, packed + place * u_place, {&only, 1}, from,
                                       to);
      }
    }
  }

  // U of one input and `count` outputs, which are `stride` apart.
  template <bool Turned>
  [[gnu::always_inline]] static void pack_part(std::int64_t inputs, std::int64_t count,
                                               const float* w, std::int64_t stride,
                                               std::int64_t outputs, float* to) {
    constexpr int kAll = winograd::kTaps * winograd::kTaps;
    constexpr int kWidth = Half::kWidth;
    typename Half::Vec taps[kAll];
    for (int first = 0; first + kWidth <= kAll; first += kWidth) {
      typename Half::Vec rows[kWidth] = {};
      for (int o = 0; o < kWidth; ++o) {
        if (o < count) rows[o] = Half::load(w + o * stride + first);
      }
      Half::transpose(rows);
      for (int t = 0; t < kWidth; ++t) taps[first + t] = rows[t];
    }
    typename Half::Vec last{};
    for (int o = 0; o < kWidth; ++o) last[o] = o < count ? w[o * stride + kAll - 1] : 0.0F;
    taps[kAll - 1] = last;
    const std::int64_t place_stride = packed_place(outputs, inputs);
    const auto load = [&](int across, typename Half::Vec* values) __attribute__((always_inline)) {
      for (int down = 0; down < winograd::kTaps; ++down) {
        const int tap = down * winograd::kTaps + across;
        values[down] = taps[Turned ? kAll - 1 - tap : tap];
      }
    };
    const auto save = [&](int row, const typename Half::Vec* values)
        __attribute__((always_inline)) {
      for (int o = 0; o < kWidth; o += P::kOutputs) {
        if (o >= count) break;
        float* first = to + row * winograd::kInputs * place_stride + o * inputs;
        asm("" : "+r"(first));
        for (int k = 0; k < winograd::kInputs; ++k) {
          __builtin_memcpy(first + k * place_stride, reinterpret_cast<const float*>(&values[k]) + o,
                           P::kOutputs * sizeof(float));
        }
      }
    };
    winograd::along_both<Half, winograd::G, winograd::kTaps, winograd::kInputs>(load, save);
  }

  // y = A^T m A for one tile and channel.
  [[gnu::always_inline]] static void results(const Activation& shape,
                                             const winograd::Corner& corner, const float* m,
                                             std::int64_t m_place, float* y) {
    const auto load = [&](int column, typename S::Vec* values) __attribute__((always_inline)) {
      winograd::Line<S>{m + column * m_place, winograd::kInputs * m_place}
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
