// The shared part of batch norm's loops, for one instruction set.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/lanes/loops.hpp"
#include "nn/lanes/simd.hpp"

namespace mvsgd::nn::lanes {

template <Isa Path>
struct NormMap {
  using S = Simd<Path>;
  using Vec = typename S::Vec;

  // Pixels that are summed in float before they join the others in double.
  static constexpr std::int64_t kChunk = 64;

  struct Channel {
    Vec mean;
    Vec scale;
    Vec shift;
    Channel(const Affine& affine, std::int64_t c)
        : mean(S::broadcast(affine.mean[c])),
          scale(S::broadcast(affine.scale[c])),
          shift(S::broadcast(affine.shift[c])) {}
    [[nodiscard, gnu::always_inline]] Vec of(Vec x) const { return S::fma(x - mean, scale, shift); }
  };

  // `value` where `by` is above zero or a NaN, else 0.
  [[gnu::always_inline]] static Vec rectified(Vec value, Vec by) { return by <= 0 ? Vec{} : value; }
  // of_channel(c) makes the function that maps a vector of channel c, given its offset. Vectors are
  // mapped in the order of memory. Lanes of filling images are set to zero in `y`.
  template <typename F>
  [[gnu::always_inline]] static void map(const Activation& shape, float* y, Range channels,
                                         const F& of_channel) {
    const std::int64_t stride = shape.pixel_stride();
    const std::int64_t pixels = shape.blocks() * shape.plane();
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
      for (std::int64_t c = channels.begin; c < channels.end; ++c) {
        const auto of = of_channel(c);
        for (int part = 0; part < S::kParts; ++part) {
          of(pixel * stride + c * kLanes + part * S::kWidth);
        }
      }
    }
    const std::int64_t images = shape.images_of(shape.blocks() - 1);
    for (std::int64_t pixel = pixels - shape.plane(); pixel < pixels && images < kLanes; ++pixel) {
      for (std::int64_t c = channels.begin; c < channels.end; ++c) {
        float* const filling = y + pixel * stride + c * kLanes;
        std::fill(filling + images, filling + kLanes, 0.0F);
      }
    }
  }
};

}  // namespace mvsgd::nn::lanes
