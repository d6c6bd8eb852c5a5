// The forward pass of batch norm, with the residual sum and ReLU, for one instruction set.
#pragma once

#include <algorithm>

#include "nn/lanes/norm_map.hpp"

namespace mvsgd::nn::lanes {

template <Isa Path>
struct NormLoops : NormMap<Path> {
  using S = Simd<Path>;
  using Vec = typename S::Vec;
  using typename NormMap<Path>::Channel;
  using NormMap<Path>::kChunk;
  using NormMap<Path>::map;
  using NormMap<Path>::rectified;

  static void moments(const Activation& shape, const float* x, Moments* moments, Moments* scratch,
                      Range channels) {
    for (std::int64_t block = 0; block < shape.blocks(); ++block) {
      const float* const from = x + block * shape.block_stride();
      for (std::int64_t first = 0; first < shape.plane(); first += kChunk) {
        const Range pixels{first, std::min(first + kChunk, shape.plane())};
        std::int64_t c = channels.begin;
        for (; c + kGroup <= channels.end; c += kGroup) {
          moments_of<kGroup>(shape, from + c * kLanes, pixels, scratch + c * kLanes);
        }
        for (; c < channels.end; ++c) {
          moments_of<1>(shape, from + c * kLanes, pixels, scratch + c * kLanes);
        }
      }
      const auto plane = static_cast<double>(shape.plane());
      for (std::int64_t c = channels.begin; c < channels.end; ++c) {
        if (block == 0) moments[c] = {};
        for (std::int64_t n = 0; n < shape.images_of(block); ++n) {
          const double seen = static_cast<double>(block * kLanes + n) * plane;
          join(moments[c], seen, scratch[c * kLanes + n], plane);
        }
      }
    }
  }

  static void apply(const Activation& shape, const Affine& affine, const float* x,
                    const float* residual, float* y, Range channels) {
    affine.bf16 ? apply_as<true>(shape, affine, x, residual, y, channels)
                : apply_as<false>(shape, affine, x, residual, y, channels);
  }

 private:
  // Channels summed at once: enough to hide the latency of an addition.
  static constexpr int kGroup = 4;

  template <bool Bf16>
  static void apply_as(const Activation& shape, const Affine& affine, const float* x,
                       const float* residual, float* y, Range channels) {
    if (affine.relu) {
      residual == nullptr ? apply_to<true, false, Bf16>(shape, affine, x, residual, y, channels)
                          : apply_to<true, true, Bf16>(shape, affine, x, residual, y, channels);
    } else {
      residual == nullptr ? apply_to<false, false, Bf16>(shape, affine, x, residual, y, channels)
                          : apply_to<false, true, Bf16>(shape, affine, x, residual, y, channels);
    }
  }

  template <bool Relu, bool Residual, bool Bf16>
  static void apply_to(const Activation& shape, const Affine& affine, const float* x,
                       const float* residual, float* y, Range channels) {
    map(
        shape, y, channels, [&](std::int64_t c) __attribute__((always_inline)) {
          return [ =, channel = Channel(affine, c) ](std::int64_t at)
              __attribute__((always_inline)) {
            Vec value = channel.of(S::load(x + at));
            if constexpr (Residual) value += S::load(residual + at);
            if constexpr (Relu) value = rectified(value, value);
            if constexpr (Bf16) value = S::nearest_bf16(value);
            S::store(y + at, value);
          };
        });
  }

  // Joins to `all`, of `seen` numbers, a part of `count` numbers.
  static void join(Moments& all, double seen, const Moments& part, double count) {
    const double delta = part.mean - all.mean;
    const double share = count / (seen + count);
    all.mean += delta * share;
    all.squares += part.squares + delta * delta * (seen * share);
  }

  // Joins the moments of a chunk of pixels to those of the pixels before, image by image.
  template <int Group>
  [[gnu::always_inline]] static void moments_of(const Activation& shape, const float* x,
                                                Range pixels, Moments* images) {
    const std::int64_t stride = shape.pixel_stride();
    const auto count = static_cast<float>(pixels.end - pixels.begin);
    Vec means[Group][S::kParts] = {};
    for (std::int64_t pixel = pixels.begin; pixel < pixels.end; ++pixel) {
      for (int c = 0; c < Group; ++c) {
        for (int part = 0; part < S::kParts; ++part) {
          means[c][part] += S::load(x + pixel * stride + c * kLanes + part * S::kWidth);
        }
      }
    }
    for (int c = 0; c < Group; ++c) {
      for (int part = 0; part < S::kParts; ++part) means[c][part] /= count;
    }
    Vec squares[Group][S::kParts] = {};
    for (std::int64_t pixel = pixels.begin; pixel < pixels.end; ++pixel) {
      for (int c = 0; c < Group; ++c) {
        for (int part = 0; part < S::kParts; ++part) {
          const Vec value = S::load(x + pixel * stride + c * kLanes + part * S::kWidth);
          const Vec difference = value - means[c][part];
          squares[c][part] = S::fma(difference, difference, squares[c][part]);
        }
      }
    }
    for (int c = 0; c < Group; ++c) {
      for (std::int64_t n = 0; n < kLanes; ++n) {
        Moments& all = images[c * kLanes + n];
        const Moments part{.mean = lane(means[c], n), .squares = lane(squares[c], n)};
        if (pixels.begin == 0) {
          all = part;
        } else {
          join(all, static_cast<double>(pixels.begin), part, count);
        }
      }
    }
  }

  [[gnu::always_inline]] static double lane(const Vec* parts, std::int64_t n) {
    return parts[n / S::kWidth][n % S::kWidth];
  }
};

}  // namespace mvsgd::nn::lanes
