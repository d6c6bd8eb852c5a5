// Winograd's weight gradients, for one instruction set. The sums are over images, so the results'
// gradients are transposed: outputs are in the lanes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/lanes/image_products.hpp"
#include "nn/lanes/winograd_tiles.hpp"

namespace mvsgd::nn::lanes {

template <Isa Path>
struct WinogradGradientLoops {
  using S = Simd<Path>;

  static void arguments(const Activation& x_shape, const float* x, const Activation& y_shape,
                        const float* dy, const float* zeros, Range chunk, Range share, float* v,
                        float* z) {
    const std::int64_t count = chunk.end - chunk.begin;
    const std::int64_t all = padded(y_shape.channels);
    const std::int64_t v_place = place_stride(count, x_shape.channels);
    const std::int64_t z_place = place_stride(count, all);
    for (std::int64_t tile = share.begin; tile < share.end; ++tile) {
      const winograd::Corner corner(x_shape, tile);
      const std::int64_t t = tile - chunk.begin;
      winograd::read_tiles_ahead<winograd::kInputs, 1>(x_shape, corner, x);
      winograd::read_tiles_ahead<winograd::kResults, 0>(y_shape, corner, dy);
      const winograd::Square<winograd::kInputs, 1> square(x_shape, corner, x, zeros);
      float* const v_of = v + t * x_shape.pixel_stride();
      // In the order of memory: a line of x, which holds all images, is read once.
      for (std::int64_t i = 0; i < x_shape.pixel_stride(); i += S::kWidth) {
        const auto save = [&](int row, const typename S::Vec* values)
            __attribute__((always_inline)) {
          winograd::LineOut<S>{v_of + row * winograd::kInputs * v_place + i, v_place}
              .template store<winograd::kInputs>(values);
        };
        winograd::transform_tile<S, winograd::B>(square, i, save);
      }
      const winograd::Square<winograd::kResults, 0> gradient(y_shape, corner, dy, zeros);
      // Outputs that are multiplied together stand together: [tiles][16 images][these].
      const auto transpose = [&]<typename V, int Vectors>(std::int64_t o)
          __attribute__((always_inline)) {
        constexpr std::int64_t kTogether = Vectors * V::kWidth;
        float* const to = z + (count * o + t * kTogether) * kLanes;
        for (std::int64_t i = 0; i < kTogether; i += V::kWidth) {
          transposed_gradients<V>(gradient, y_shape.channels, o + i, to + i, kTogether, z_place);
        }
      };
      for_each_vectors<Path>(y_shape.channels, transpose);
    }
  }

  static void multiply(std::int64_t outputs, std::int64_t inputs, std::int64_t chunk,
                       const float* v, const float* z, bool first, float* d, Range places,
                       Range inputs_of) {
    const std::int64_t all = padded(outputs);
    const std::int64_t rows = inputs_of.end - inputs_of.begin;
    v += inputs_of.begin * kLanes;
    ImageSteps steps{.first = first,
                     .count = chunk,
                     .rows = rows,
                     .v_stride = inputs * kLanes,
                     .v_place = place_stride(chunk, inputs),
                     .z_place = place_stride(chunk, all),
                     .d_stride = all,
                     .d_place = sum_stride(rows, outputs)};
    const auto products = [&]<typename V, int Vectors>(std::int64_t o)
        __attribute__((always_inline)) {
      steps.z_stride = Vectors * V::kWidth;
      ProductOverImages<V>::template places<Vectors>(steps, places, v, z + chunk * o * kLanes,
                                                     d + o);
    };
    for_each_vectors<Path>(outputs, products);
  }

  static void gradients(std::int64_t outputs, std::int64_t inputs, const float* d,
                        std::int64_t place, bool add, float* dw, Range inputs_of) {
    const std::int64_t all = padded(outputs);
    // A line of d is read once, and one of dw written by all inputs in turn.
    for (std::int64_t line = 0; line < outputs; line += kLanes) {
      const std::int64_t end = std::min(line + kLanes, outputs);
      for (std::int64_t c = inputs_of.begin; c < inputs_of.end; ++c) {
        for (std::int64_t o = line; o < end; o += Taps::kWidth) {
          gradients_of(d + (c - inputs_of.begin) * all + o, place,
                       std::min<std::int64_t>(Taps::kWidth, outputs - o), inputs * kAll, add,
                       dw + (o * inputs + c) * kAll);
        }
      }
    }
  }

 private:
  // The vector for what there are nine taps of.
  using Taps = Simd<Path == Isa::avx512 ? Isa::avx2 : Path>;
  static constexpr int kAll = winograd::kTaps * winograd::kTaps;

  // The nine gradients of `count` outputs and one input.
  [[gnu::always_inline]] static void gradients_of(const float* d, std::int64_t place,
                                                  std::int64_t count, std::int64_t output_stride,
                                                  bool add, float* dw) {
    constexpr int kWidth = Taps::kWidth;
    alignas(64) float taps[kAll][kWidth];
    const auto load = [&](int column, typename Taps::Vec* values) __attribute__((always_inline)) {
      winograd::Line<Taps>{d + column * place, winograd::kInputs * place}
          .template load<winograd::kInputs>(values);
    };
    const auto save = [&](int row, const typename Taps::Vec* values)
        __attribute__((always_inline)) {
      for (int t = 0; t < winograd::kTaps; ++t) {
        Taps::store(taps[row * winograd::kTaps + t], values[t]);
      }
    };
    winograd::along_both<Taps, winograd::Gt, winograd::kInputs, winograd::kTaps>(load, save);
    for (int t = 0; t + kWidth <= kAll; t += kWidth) {
      typename Taps::Vec rows[kWidth];
      for (int k = 0; k < kWidth; ++k) rows[k] = Taps::load(taps[t + k]);
      Taps::transpose(rows);
      for (int i = 0; i < kWidth; ++i) {
        if (i >= count) break;
        float* const at = dw + i * output_stride + t;
        Taps::store(at, add ? Taps::load(at) + rows[i] : rows[i]);
      }
    }
    static_assert(kAll % kWidth == 1);
    for (std::int64_t i = 0; i < count; ++i) {
      float& last = dw[i * output_stride + kAll - 1];
      last = add ? last + taps[kAll - 1][i] : taps[kAll - 1][i];
    }
  }

  // Outputs o to o + V's width of a tile, as [16 images][z_stride] at each place. The 16 pixels are
  // transposed, since the 36 places are more.
  template <typename V>
  [[gnu::always_inline]] static void transposed_gradients(
      const winograd::Square<winograd::kResults, 0>& square, std::int64_t channels, std::int64_t o,
      float* to, std::int64_t z_stride, std::int64_t z_place) {
    constexpr int kPixels = winograd::kResults * winograd::kResults;
    const std::int64_t count = std::min<std::int64_t>(V::kWidth, channels - o);
    typename V::Vec pixels[kLanes][kPixels];
    for (int pixel = 0; pixel < kPixels; ++pixel) {
      const float* const from = square.pixel(pixel) + o * kLanes;
      for (std::int64_t part = 0; part < kLanes; part += V::kWidth) {
        typename V::Vec rows[V::kWidth] = {};
        if (count == V::kWidth) {
          for (int i = 0; i < V::kWidth; ++i) rows[i] = V::load(from + i * kLanes + part);
        } else {
          for (int i = 0; i < V::kWidth; ++i) {
            if (i < count) rows[i] = V::load(from + i * kLanes + part);
          }
        }
        V::transpose(rows);
        for (int i = 0; i < V::kWidth; ++i) pixels[part + i][pixel] = rows[i];
      }
    }
    for (std::int64_t n = 0; n < kLanes; ++n) {
      const auto load = [&](int column, typename V::Vec* values) __attribute__((always_inline)) {
        for (int row = 0; row < winograd::kResults; ++row) {
          values[row] = pixels[n][row * winograd::kResults + column];
        }
      };
      const auto save = [&](int row, const typename V::Vec* values) __attribute__((always_inline)) {
        winograd::LineOut<V>{to + n * z_stride + row * winograd::kInputs * z_place, z_place}
            .template store<winograd::kInputs>(values);
      };
      winograd::along_both<V, winograd::A, winograd::kResults, winograd::kInputs>(load, save);
    }
  }
};

}  // namespace mvsgd::nn::lanes
