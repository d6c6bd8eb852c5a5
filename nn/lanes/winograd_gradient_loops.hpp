// Winograd's weight gradients, for one instruction set. Images are what is summed over, so the
// transformed inputs are transposed: channels in the lanes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/lanes/products.hpp"
#include "nn/lanes/winograd_tiles.hpp"

namespace mvsgd::nn::lanes {

template <Isa isa>
struct WinogradGradientLoops {
  using S = Simd<isa>;

  static void arguments(const Activation& x_shape, const float* x, const Activation& y_shape,
                        const float* dy, const float* zeros, Range chunk, Range share, float* v,
                        float* z) {
    const std::int64_t count = chunk.end - chunk.begin;
    const std::int64_t all = padded(x_shape.channels);
    const std::int64_t v_place = place_stride(count, all);
    const std::int64_t z_place = place_stride(count, y_shape.channels);
    for (std::int64_t tile = share.begin; tile < share.end; ++tile) {
      const winograd::Corner corner(x_shape, tile);
      const winograd::Square<winograd::kInputs, 1> square(x_shape, corner, x, zeros);
      const std::int64_t t = tile - chunk.begin;
      float* const to = v + t * kLanes * all;
      std::int64_t c = 0;
      for (; c + S::kWidth <= all; c += S::kWidth) {
        transposed_inputs<S>(square, x_shape.channels, c, to, v_place);
      }
      if constexpr (isa == Isa::avx512) {
        if (c < all) transposed_inputs<Simd<Isa::avx2>>(square, x_shape.channels, c, to, v_place);
      }
      const winograd::Square<winograd::kResults, 0> gradient(y_shape, corner, dy, zeros);
      for (std::int64_t o = 0; o < y_shape.channels; ++o) {
        for (std::int64_t part = 0; part < kLanes; part += S::kWidth) {
          float* const z_of = z + (t * y_shape.channels + o) * kLanes + part;
          const auto save = [&](int row, const typename S::Vec* values)
              __attribute__((always_inline)) {
            winograd::LineOut<S>{z_of + row * winograd::kInputs * z_place, z_place}
                .template store<winograd::kInputs>(values);
          };
          winograd::transform_tile<S, winograd::A>(gradient, o * kLanes + part, save);
        }
      }
    }
  }

  static void multiply(std::int64_t outputs, std::int64_t inputs, std::int64_t chunk,
                       const float* v, const float* z, bool first, float* d, Range places) {
    const std::int64_t all = padded(inputs);
    for (std::int64_t place = places.begin; place < places.end; ++place) {
      const float* const v_of = v + place * place_stride(chunk, all);
      const float* const z_of = z + place * place_stride(chunk, outputs);
      float* const d_of = d + place * sum_stride(outputs, inputs);
      for_each_vectors<isa>(
          inputs, [&]<typename V, int Vectors>(std::int64_t c) __attribute__((always_inline)) {
            const auto at = [&](std::int64_t t) __attribute__((always_inline)) {
              return v_of + t * kLanes * all + c;
            };
            ProductOverImages<V>::template outputs<Vectors>(
                {0, outputs}, first, chunk, z_of, outputs * kLanes, at, all, d_of + c, all);
          });
    }
  }

  static void gradients(std::int64_t outputs, std::int64_t inputs, const float* d, bool add,
                        float* dw, Range outputs_of) {
    using V = Simd<isa == Isa::avx512 ? Isa::avx2 : isa>;
    const std::int64_t all = padded(inputs);
    for (std::int64_t o = outputs_of.begin; o < outputs_of.end; ++o) {
      for (std::int64_t c = 0; c < inputs; c += V::kWidth) {
        alignas(64) float taps[winograd::kTaps * winograd::kTaps][V::kWidth];
        const std::int64_t place = sum_stride(outputs, inputs);
        const auto load = [&](int column, typename V::Vec* values) __attribute__((always_inline)) {
          winograd::Line<V>{d + column * place + o * all + c, winograd::kInputs * place}
              .template load<winograd::kInputs>(values);
        };
        const auto save = [&](int row, const typename V::Vec* values)
            __attribute__((always_inline)) {
          for (int t = 0; t < winograd::kTaps; ++t)
            V::store(taps[row * winograd::kTaps + t], values[t]);
        };
        winograd::along_both<V, winograd::Gt, winograd::kInputs, winograd::kTaps>(load, save);
        const std::int64_t count = std::min<std::int64_t>(V::kWidth, inputs - c);
        float* const to = dw + (o * inputs + c) * winograd::kTaps * winograd::kTaps;
        for (std::int64_t i = 0; i < count; ++i) {
          for (int t = 0; t < winograd::kTaps * winograd::kTaps; ++t) {
            float& sum = to[i * winograd::kTaps * winograd::kTaps + t];
            sum = add ? sum + taps[t][i] : taps[t][i];
          }
        }
      }
    }
  }

 private:
  // Channels c to c + V's width of a tile, [16 images][padded(C)] at each place.
  template <typename V>
  [[gnu::always_inline]] static void transposed_inputs(
      const winograd::Square<winograd::kInputs, 1>& square, std::int64_t channels, std::int64_t c,
      float* to, std::int64_t v_place) {
    const std::int64_t all = padded(channels);
    for (std::int64_t part = 0; part < kLanes; part += V::kWidth) {
      typename V::Vec transformed[kPlaces][V::kWidth];
      for (int i = 0; i < V::kWidth; ++i) {
        if (c + i >= channels) {
          for (int place = 0; place < kPlaces; ++place) transformed[place][i] = typename V::Vec{};
          continue;
        }
        const auto save = [&](int row, const typename V::Vec* values)
            __attribute__((always_inline)) {
          for (int k = 0; k < winograd::kInputs; ++k)
            transformed[row * winograd::kInputs + k][i] = values[k];
        };
        winograd::transform_tile<V, winograd::B>(square, (c + i) * kLanes + part, save);
      }
      for (int place = 0; place < kPlaces; ++place) {
        V::transpose(transformed[place]);
        for (int i = 0; i < V::kWidth; ++i) {
          V::store(to + place * v_place + (part + i) * all + c, transformed[place][i]);
        }
      }
    }
  }
};

}  // namespace mvsgd::nn::lanes
