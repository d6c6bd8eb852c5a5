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
                            float* dv, GradientSums* sums, GradientSums* scratch, Range channels) {
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
  // f(channel, vector's offset) for all pixels and channels, as they stand in memory; where images
  // are filling, their lanes of `y` are set to zero.
  template <typename F>
  [[gnu::always_inline]] static void for_each_vector(const Activation& shape, float* y,
                                                     Range channels, const F& f) {
    for (std::int64_t block = 0; block < shape.blocks(); ++block) {
      const std::int64_t images = shape.images_of(block);
      for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
        const std::int64_t first = block * shape.block_stride() + pixel * shape.pixel_stride();
        for (std::int64_t c = channels.begin; c < channels.end; ++c) {
          for (int part = 0; part < S::kParts; ++part) {
            f(c, first + c * kLanes + part * S::kWidth);
          }
          for (std::int64_t n = images; n < kLanes; ++n) y[first + c * kLanes + n] = 0;
        }
      }
    }
  }

  template <bool Relu, bool Residual>
  static void apply_to(const Activation& shape, const Affine& affine, const float* x,
                       const float* residual, float* y, Range channels) {
    for_each_vector(
        shape, y, channels, [&](std::int64_t c, std::int64_t at) __attribute__((always_inline)) {
          Vec value = Channel(affine, c).of(S::load(x + at));
          if constexpr (Residual) value += S::load(residual + at);
          if constexpr (Relu) value = rectified(value, value);
          S::store(y + at, value);
        });
  }

  template <bool Rectify>
  static void gradient_of(const Activation& shape, const Affine& affine,
                          const InputGradient& gradient, const float* x, const float* dv, float* dx,
                          Range channels) {
    for_each_vector(
        shape, dx, channels, [&](std::int64_t c, std::int64_t at) __attribute__((always_inline)) {
          const Channel channel(affine, c);
          const Vec value = S::load(x + at);
          Vec term = S::load(dv + at);
          if constexpr (Rectify) term = rectified(term, channel.of(value));
          S::store(dx + at, S::broadcast(gradient.factor[c]) * term -
                                S::broadcast(gradient.constant[c]) -
                                S::broadcast(gradient.slope[c]) * (value - channel.mean));
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
                      float* dv, GradientSums* sums, GradientSums* scratch, Range channels) {
    for (std::int64_t block = 0; block < shape.blocks(); ++block) {
      for (std::int64_t first = 0; first < shape.plane(); first += kChunk) {
        const Range pixels{first, std::min(first + kChunk, shape.plane())};
        for (std::int64_t c = channels.begin; c < channels.end; ++c) {
          sums_of_chunk<Through, More>(shape, Channel(affine, c), upstream,
                                       block * shape.block_stride() + c * kLanes, pixels, dv,
                                       scratch + c * kLanes);
        }
      }
      for (std::int64_t c = channels.begin; c < channels.end; ++c) {
        if (block == 0) sums[c] = {};
        for (std::int64_t n = 0; n < shape.images_of(block); ++n) {
          sums[c].dv += scratch[c * kLanes + n].dv;
          sums[c].dv_x += scratch[c * kLanes + n].dv_x;
        }
      }
    }
  }

  // Adds the sums of a chunk of one channel's pixels, image by image, to those before.
  template <Let Through, bool More>
  [[gnu::always_inline]] static void sums_of_chunk(const Activation& shape, const Channel& channel,
                                                   const Upstream& upstream, std::int64_t at,
                                                   Range pixels, float* dv, GradientSums* images) {
    const std::int64_t stride = shape.pixel_stride();
    // Even and odd pixels, so that one addition need not wait for the last.
    Vec sum[2][S::kParts] = {};
    Vec product[2][S::kParts] = {};
    const auto step = [&](std::int64_t pixel, int chain) __attribute__((always_inline)) {
      for (int part = 0; part < S::kParts; ++part) {
        const std::int64_t i = at + pixel * stride + part * S::kWidth;
        const Vec value = S::load(upstream.x + i);
        Vec term = S::load(upstream.dy + i);
        if constexpr (More) term += S::load(upstream.more + i);
        if constexpr (Through == Let::affine_of_x) term = rectified(term, channel.of(value));
        if constexpr (Through == Let::positive_y) {
          term = rectified(term, S::load(upstream.y + i));
          S::store(dv + i, term);
        }
        sum[chain][part] += term;
        product[chain][part] = S::fma(term, value - channel.mean, product[chain][part]);
      }
    };
    std::int64_t pixel = pixels.begin;
    for (; pixel + 2 <= pixels.end; pixel += 2) {
      step(pixel, 0);
      step(pixel + 1, 1);
    }
    if (pixel < pixels.end) step(pixel, 0);
    for (int part = 0; part < S::kParts; ++part) {
      sum[0][part] += sum[1][part];
      product[0][part] += product[1][part];
    }
    for (std::int64_t n = 0; n < kLanes; ++n) {
      if (pixels.begin == 0) images[n] = {};
      images[n].dv += lane(sum[0], n);
      images[n].dv_x += lane(product[0], n);
    }
  }
};

}  // namespace mvsgd::nn::lanes
