// The backward pass of batch norm, for one instruction set.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/lanes/norm_map.hpp"

namespace mvsgd::nn::lanes {

template <Isa Path>
struct NormGradientLoops : NormMap<Path> {
  using S = Simd<Path>;
  using Vec = typename S::Vec;
  using typename NormMap<Path>::Channel;
  using NormMap<Path>::kChunk;
  using NormMap<Path>::map;
  using NormMap<Path>::rectified;

  static void gradient_sums(const Activation& shape, const Affine& affine, const Upstream& upstream,
                            float* dv, GradientSums* sums, ImageSums* scratch, Range channels) {
    if (upstream.y != nullptr) {
      upstream.more == nullptr
          ? sums_of<Let::positive_y, false>(shape, affine, upstream, dv, sums, scratch, channels)
          : sums_of<Let::positive_y, true>(shape, affine, upstream, dv, sums, scratch, channels);
    } else if (affine.relu) {
      sums_of<Let::affine_of_x, false>(shape, affine, upstream, dv, sums, scratch, channels);
    } else {
      sums_of<Let::all, false>(shape, affine, upstream, dv, sums, scratch, channels);
    }
  }

  static void input_gradient(const Activation& shape, const Affine& affine, bool rectify,
                             const InputGradient& gradient, const float* x, const float* dv,
                             float* dx, Range channels) {
    if (gradient.bf16) {
      rectify ? gradient_of<true, true>(shape, affine, gradient, x, dv, dx, channels)
              : gradient_of<false, true>(shape, affine, gradient, x, dv, dx, channels);
    } else {
      rectify ? gradient_of<true, false>(shape, affine, gradient, x, dv, dx, channels)
              : gradient_of<false, false>(shape, affine, gradient, x, dv, dx, channels);
    }
  }

 private:
  template <bool Rectify, bool Bf16>
  static void gradient_of(const Activation& shape, const Affine& affine,
                          const InputGradient& gradient, const float* x, const float* dv, float* dx,
                          Range channels) {
    map(
        shape, dx, channels, [&](std::int64_t c) __attribute__((always_inline)) {
          return [
            channel = Channel(affine, c), factor = S::broadcast(gradient.factor[c]),
            constant = S::broadcast(gradient.constant[c]), slope = S::broadcast(gradient.slope[c]),
            x, dv,
            dx
          ](std::int64_t at) __attribute__((always_inline)) {
            const Vec value = S::load(x + at);
            Vec term = S::load(dv + at);
            if constexpr (Rectify) term = rectified(term, channel.of(value));
            const Vec result = factor * term - constant - slope * (value - channel.mean);
            S::store(dx + at, Bf16 ? S::nearest_bf16(result) : result);
          };
        });
  }

  // Where ReLU was open, and how that is known.
  enum class Let : unsigned char { all, affine_of_x, positive_y };

  template <Let Through, bool More>
  static void sums_of(const Activation& shape, const Affine& affine, const Upstream& upstream,
                      float* dv, GradientSums* sums, ImageSums* scratch, Range channels) {
    for (std::int64_t block = 0; block < shape.blocks(); ++block) {
      for (std::int64_t first = 0; first < shape.plane(); first += kChunk) {
        const Range pixels{first, std::min(first + kChunk, shape.plane())};
        sums_of_chunk<Through, More>(shape, affine, upstream, block, pixels, dv, scratch, channels);
      }
      for (std::int64_t c = channels.begin; c < channels.end; ++c) {
        if (block == 0) sums[c] = {};
        for (std::int64_t n = 0; n < shape.images_of(block); ++n) {
          sums[c].dv += scratch[c].all[n].dv;
          sums[c].dv_x += scratch[c].all[n].dv_x;
        }
      }
    }
  }

  // Adds the sums of a chunk of pixels, image by image, to those before. Memory is read in its
  // order, and the sums stay in the first-level cache.
  template <Let Through, bool More>
  [[gnu::always_inline]] static void sums_of_chunk(const Activation& shape, const Affine& affine,
                                                   const Upstream& upstream, std::int64_t block,
                                                   Range pixels, float* dv, ImageSums* scratch,
                                                   Range channels) {
    for (std::int64_t c = channels.begin; c < channels.end; ++c) {
      if (pixels.begin == 0) std::fill_n(scratch[c].all, kLanes, GradientSums{});
      std::fill_n(scratch[c].dv, kLanes, 0.0F);
      std::fill_n(scratch[c].dv_x, kLanes, 0.0F);
    }
    const std::int64_t stride = shape.pixel_stride();
    const std::int64_t base = block * shape.block_stride();
    for (std::int64_t pixel = pixels.begin; pixel < pixels.end; ++pixel) {
      const std::int64_t first = base + pixel * stride;
      for (std::int64_t c = channels.begin; c < channels.end; ++c) {
        const Channel channel(affine, c);
        for (std::int64_t part = 0; part < kLanes; part += S::kWidth) {
          const std::int64_t i = first + c * kLanes + part;
          const Vec value = S::load(upstream.x + i);
          Vec term = S::load(upstream.dy + i);
          if constexpr (More) term += S::load(upstream.more + i);
          if constexpr (Through == Let::affine_of_x) term = rectified(term, channel.of(value));
          if constexpr (Through == Let::positive_y) {
            term = rectified(term, S::load(upstream.y + i));
            S::store(dv + i, term);
          }
          float* const sum = scratch[c].dv + part;
          float* const product = scratch[c].dv_x + part;
          S::store(sum, S::load(sum) + term);
          S::store(product, S::fma(term, value - channel.mean, S::load(product)));
        }
      }
    }
    for (std::int64_t c = channels.begin; c < channels.end; ++c) {
      for (std::int64_t n = 0; n < kLanes; ++n) {
        scratch[c].all[n].dv += scratch[c].dv[n];
        scratch[c].all[n].dv_x += scratch[c].dv_x[n];
      }
    }
  }
};

}  // namespace mvsgd::nn::lanes
