// Winograd's transformed weights, for one instruction set.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/lanes/products.hpp"
#include "nn/lanes/winograd_tiles.hpp"

namespace mvsgd::nn::lanes {

template <Isa Path>
struct WinogradPack {
  using P = Product<Path>;
  // The vector for what there are nine taps of.
  using Half = Simd<Path == Isa::avx512 ? Isa::avx2 : Path>;

  static std::int64_t packed_floats(std::int64_t outputs, std::int64_t inputs) {
    return kPlaces * packed_place(outputs, inputs);
  }

  // Outputs in the lanes. Turned weights of one input and these outputs stand together, far from
  // those of the next, so the processor does not foresee them.
  static void pack(std::int64_t outputs, std::int64_t inputs, const WinogradWeights& weights,
                   float* packed) {
    if (weights.bf16) {
      weights.turned ? pack_all<true, true>(outputs, inputs, weights, packed)
                     : pack_all<false, true>(outputs, inputs, weights, packed);
    } else {
      weights.turned ? pack_all<true, false>(outputs, inputs, weights, packed)
                     : pack_all<false, false>(outputs, inputs, weights, packed);
    }
  }

  // Floats more for each place, which keep the same element of all places from one set of the
  // cache.
  static constexpr std::int64_t kApart = 16;

  // Floats of U at one place.
  static std::int64_t packed_place(std::int64_t outputs, std::int64_t inputs) {
    return P::packed_floats({.outputs = outputs, .terms = 1, .inputs = inputs}) + kApart;
  }

 private:
  template <bool Turned, bool Bf16>
  static void pack_all(std::int64_t outputs, std::int64_t inputs, const WinogradWeights& weights,
                       float* packed) {
    for (std::int64_t first = 0; first < outputs; first += Half::kWidth) {
      const std::int64_t count = std::min<std::int64_t>(Half::kWidth, outputs - first);
      for (std::int64_t c = 0; c < inputs; ++c) {
        const float* const from =
            weights.w + first * weights.output_stride + c * weights.input_stride;
        if (Turned && c + kAhead < inputs) {
          ask_for(from + kAhead * weights.input_stride, count * kAll);
        }
        pack_part<Turned, Bf16>(inputs, count, from, weights.output_stride, outputs,
                                packed + (first / P::kOutputs * inputs + c) * P::kOutputs);
      }
    }
  }

  static constexpr int kAll = winograd::kTaps * winograd::kTaps;
  // Inputs between one whose weights are transformed and one whose weights are asked for: a few
  // hundred nanoseconds.
  static constexpr std::int64_t kAhead = 6;

  [[gnu::always_inline]] static void ask_for(const float* x, std::int64_t floats) {
    for (std::int64_t i = 0; i < floats; i += kLanes) __builtin_prefetch(x + i);
  }

  // U of one input and `count` outputs, each `stride` from the one before.
  template <bool Turned, bool Bf16>
  [[gnu::always_inline]] static void pack_part(std::int64_t inputs, std::int64_t count,
                                               const float* w, std::int64_t stride,
                                               std::int64_t outputs, float* to) {
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
    if constexpr (Bf16) {
      for (typename Half::Vec& tap : taps) tap = Half::nearest_bf16(tap);
    }
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
          Half::template store_part<P::kOutputs>(first + k * place_stride, values[k], o);
        }
      }
    };
    winograd::along_both<Half, winograd::G, winograd::kTaps, winograd::kInputs>(load, save);
  }
};

}  // namespace mvsgd::nn::lanes
