// Batch norm, ReLU and the residual sum, for one instruction set.
#pragma once

#include <algorithm>

#include "nn/lanes/loops.hpp"
#include "nn/lanes/simd.hpp"

namespace mvsgd::nn::lanes {

template <Isa isa>
struct NormLoops {
  using S = Simd<isa>;
  using Vec = typename S::Vec;

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
    if (affine.relu) {
      residual == nullptr ? apply_to<true, false>(shape, affine, x, residual, y, channels)
                          : apply_to<true, true>(shape, affine, x, residual, y, channels);
    } else {
      residual == nullptr ? apply_to<false, false>(shape, affine, x, residual, y, channels)
                          : apply_to<false, true>(shape, affine, x, residual, y, channels);
    }
  }

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
    rectify ? gradient_of<true>(shape, affine, gradient, x, dv, dx, channels)
            : gradient_of<false>(shape, affine, gradient, x, dv, dx, channels);
  }

 private:
  // Pixels that are summed up in float, before they join the others in double.
  static constexpr std::int64_t kChunk = 64;
  // Channels at once: as many sums as hide the latency of an addition.
  static constexpr int kGroup = 4;

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

  // value where it is above zero or a NaN, else 0.
  [[gnu::always_inline]] static Vec rectified(Vec value, Vec by) { return by <= 0 ? Vec{} : value; }
  // of_channel(c) makes what maps a vector of channel c, given its offset: all in the order in
  // which they stand in memory. Where images are filling, their lanes of `y` are set to zero.
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

  template <bool Relu, bool Residual>
  static void apply_to(const Activation& shape, const Affine& affine, const float* x,
                       const float* residual, float* y, Range channels) {
    map(
        shape, y, channels, [&](std::int64_t c) __attribute__((always_inline)) {
          return [ channel = Channel(affine, c), x, residual, y ](std::int64_t at)
              __attribute__((always_inline)) {
            Vec value = channel.of(S::load(x + at));
            if constexpr (Residual) value += S::load(residual + at);
            if constexpr (Relu) value = rectified(value, value);
            S::store(y + at, value);
          };
        });
  }

  template <bool Rectify>
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
            S::store(dx + at, factor * term - constant - slope * (value - channel.mean));
          };
        });
  }

  // Joins a part of `count` numbers with one of `seen` in `all`.
  static void join(Moments& all, double seen, const Moments& part, double count) {
    const double delta = part.mean - all.mean;
    const double share = count / (seen + count);
    all.mean += delta * share;
    all.squares += part.squares + delta * delta * (seen * share);
  }

  // Joins the moments of a chunk of pixels, image by image, to those of the pixels before.
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

  // What ReLU let through, and how it is known.
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

  // Adds the sums of a chunk of pixels, image by image, to those before. Everything is read as it
  // stands in memory; the sums wait in the first-level cache.
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
    for (std::int64_t pixel = pixels.begin; pixel < pixels.end; ++pixel) {
      const std::int64_t first = block * shape.block_stride() + pixel * shape.pixel_stride();
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
