// Batch norm, ReLU and the residual sum, for one instruction set.
#pragma once

#include <array>
#include <cstddef>

#include "nn/lanes/loops.hpp"
#include "nn/lanes/simd.hpp"

namespace mvsgd::nn::lanes {

template <Isa isa>
struct NormLoops {
  using S = Simd<isa>;
  using Vec = typename S::Vec;

  static void moments(const Activation& shape, const float* x, Moments* moments, Range channels) {
    for_each_group(
        channels, [&]<int Group>(std::int64_t first) __attribute__((always_inline)) {
          moments_of<Group>(shape, x + first * kLanes, moments + first);
        });
  }

  static void apply(const Activation& shape, const Affine& affine, const float* x,
                    const float* residual, float* y, Range channels) {
    for (std::int64_t block = 0; block < shape.blocks(); ++block) {
      for (std::int64_t c = channels.begin; c < channels.end; ++c) {
        const std::int64_t at = block * shape.block_stride() + c * kLanes;
        const Channel channel(affine, c);
        const std::int64_t images = shape.images_of(block);
        const float* const term = residual == nullptr ? nullptr : residual + at;
        if (affine.relu) {
          term == nullptr ? apply_to<true, false>(shape, channel, images, x + at, term, y + at)
                          : apply_to<true, true>(shape, channel, images, x + at, term, y + at);
        } else {
          term == nullptr ? apply_to<false, false>(shape, channel, images, x + at, term, y + at)
                          : apply_to<false, true>(shape, channel, images, x + at, term, y + at);
        }
      }
    }
  }

  static void gradient_sums(const Activation& shape, const Affine& affine, const Upstream& upstream,
                            float* dv, GradientSums* sums, Range channels) {
    if (upstream.y != nullptr) {
      upstream.more == nullptr
          ? sums_of<Let::positive_y, false>(shape, affine, upstream, dv, sums, channels)
          : sums_of<Let::positive_y, true>(shape, affine, upstream, dv, sums, channels);
    } else if (affine.relu) {
      sums_of<Let::affine_of_x, false>(shape, affine, upstream, dv, sums, channels);
    } else {
      sums_of<Let::all, false>(shape, affine, upstream, dv, sums, channels);
    }
  }

  static void input_gradient(const Activation& shape, const Affine& affine, bool rectify,
                             const InputGradient& gradient, const float* x, const float* dv,
                             float* dx, Range channels) {
    for (std::int64_t block = 0; block < shape.blocks(); ++block) {
      for (std::int64_t c = channels.begin; c < channels.end; ++c) {
        const std::int64_t at = block * shape.block_stride() + c * kLanes;
        const std::int64_t images = shape.images_of(block);
        const Channel channel(affine, c);
        const Vec terms[3] = {S::broadcast(gradient.factor[c]), S::broadcast(gradient.constant[c]),
                              S::broadcast(gradient.slope[c])};
        rectify ? gradient_of<true>(shape, channel, images, terms, x + at, dv + at, dx + at)
                : gradient_of<false>(shape, channel, images, terms, x + at, dv + at, dx + at);
      }
    }
  }

 private:
  // Pixels that are summed up in float, before they join the others in double.
  static constexpr std::int64_t kChunk = 64;
  // Channels at once: as many sums as hide the latency of an addition.
  static constexpr int kGroup = 4;

  using Doubles = std::array<double, static_cast<std::size_t>(kLanes)>;

  template <typename F>
  [[gnu::always_inline]] static void for_each_group(Range channels, const F& f) {
    std::int64_t c = channels.begin;
    for (; c + kGroup <= channels.end; c += kGroup) f.template operator()<kGroup>(c);
    for (; c < channels.end; ++c) f.template operator()<1>(c);
  }

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
  // 1 in the lanes from `part` on that are images, else 0.
  [[gnu::always_inline]] static Vec images_in(std::int64_t part, std::int64_t images) {
    Vec mask{};
    for (int l = 0; l < S::kWidth; ++l) mask[l] = part + l < images ? 1.0F : 0.0F;
    return mask;
  }

  // f(vector's offset in the plane) for all pixels of one channel, and, where images are filling,
  // their lanes of `y` set to zero.
  template <typename F>
  [[gnu::always_inline]] static void for_each_vector(const Activation& shape, std::int64_t images,
                                                     float* y, const F& f) {
    const std::int64_t stride = shape.pixel_stride();
    for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
      for (int part = 0; part < S::kParts; ++part) f(pixel * stride + part * S::kWidth);
    }
    if (images == kLanes) return;
    for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
      for (std::int64_t n = images; n < kLanes; ++n) y[pixel * stride + n] = 0;
    }
  }

  template <bool Relu, bool Residual>
  [[gnu::always_inline]] static void apply_to(const Activation& shape, const Channel& channel,
                                              std::int64_t images, const float* x,
                                              const float* residual, float* y) {
    for_each_vector(
        shape, images, y, [&](std::int64_t at) __attribute__((always_inline)) {
          Vec value = channel.of(S::load(x + at));
          if constexpr (Residual) value += S::load(residual + at);
          if constexpr (Relu) value = rectified(value, value);
          S::store(y + at, value);
        });
  }

  template <bool Rectify>
  [[gnu::always_inline]] static void gradient_of(const Activation& shape, const Channel& channel,
                                                 std::int64_t images, const Vec* terms,
                                                 const float* x, const float* dv, float* dx) {
    for_each_vector(
        shape, images, dx, [&](std::int64_t at) __attribute__((always_inline)) {
          const Vec value = S::load(x + at);
          Vec gradient = S::load(dv + at);
          if constexpr (Rectify) gradient = rectified(gradient, channel.of(value));
          S::store(dx + at, terms[0] * gradient - terms[1] - terms[2] * (value - channel.mean));
        });
  }

  // Joins a part of `count` numbers with one of `seen` in `all`.
  static void join(Moments& all, double seen, const Moments& part, double count) {
    const double delta = part.mean - all.mean;
    const double share = count / (seen + count);
    all.mean += delta * share;
    all.squares += part.squares + delta * delta * (seen * share);
  }

  template <int Group>
  [[gnu::always_inline]] static void moments_of(const Activation& shape, const float* x,
                                                Moments* moments) {
    const std::int64_t stride = shape.pixel_stride();
    Moments all[Group] = {};
    for (std::int64_t block = 0; block < shape.blocks(); ++block) {
      const float* const from = x + block * shape.block_stride();
      Moments images[Group][kLanes] = {};
      for (std::int64_t first = 0; first < shape.plane(); first += kChunk) {
        const std::int64_t last = std::min(first + kChunk, shape.plane());
        const auto count = static_cast<float>(last - first);
        Vec means[Group][S::kParts] = {};
        for (std::int64_t pixel = first; pixel < last; ++pixel) {
          for (int c = 0; c < Group; ++c) {
            for (int part = 0; part < S::kParts; ++part) {
              means[c][part] += S::load(from + pixel * stride + c * kLanes + part * S::kWidth);
            }
          }
        }
        Vec squares[Group][S::kParts] = {};
        for (int c = 0; c < Group; ++c) {
          for (int part = 0; part < S::kParts; ++part) means[c][part] /= count;
        }
        for (std::int64_t pixel = first; pixel < last; ++pixel) {
          for (int c = 0; c < Group; ++c) {
            for (int part = 0; part < S::kParts; ++part) {
              const Vec value = S::load(from + pixel * stride + c * kLanes + part * S::kWidth);
              const Vec difference = value - means[c][part];
              squares[c][part] = S::fma(difference, difference, squares[c][part]);
            }
          }
        }
        for (int c = 0; c < Group; ++c) {
          for (std::int64_t n = 0; n < kLanes; ++n) {
            const Moments part{.mean = lane(means[c], n), .squares = lane(squares[c], n)};
            join(images[c][n], static_cast<double>(first), part, count);
          }
        }
      }
      const auto plane = static_cast<double>(shape.plane());
      for (int c = 0; c < Group; ++c) {
        for (std::int64_t n = 0; n < shape.images_of(block); ++n) {
          join(all[c], static_cast<double>(block * kLanes + n) * plane, images[c][n], plane);
        }
      }
    }
    for (int c = 0; c < Group; ++c) moments[c] = all[c];
  }

  [[gnu::always_inline]] static double lane(const Vec* parts, std::int64_t n) {
    return parts[n / S::kWidth][n % S::kWidth];
  }

  // What ReLU let through, and how it is known.
  enum class Let : unsigned char { all, affine_of_x, positive_y };

  template <Let Through, bool More>
  static void sums_of(const Activation& shape, const Affine& affine, const Upstream& upstream,
                      float* dv, GradientSums* sums, Range channels) {
    const std::int64_t stride = shape.pixel_stride();
    for (std::int64_t c = channels.begin; c < channels.end; ++c) {
      const Channel channel(affine, c);
      GradientSums all;
      for (std::int64_t block = 0; block < shape.blocks(); ++block) {
        const std::int64_t at = block * shape.block_stride() + c * kLanes;
        Doubles dv_sums{};
        Doubles product_sums{};
        for (std::int64_t first = 0; first < shape.plane(); first += kChunk) {
          const std::int64_t last = std::min(first + kChunk, shape.plane());
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
          std::int64_t pixel = first;
          for (; pixel + 2 <= last; pixel += 2) {
            step(pixel, 0);
            step(pixel + 1, 1);
          }
          if (pixel < last) step(pixel, 0);
          for (int part = 0; part < S::kParts; ++part) {
            sum[0][part] += sum[1][part];
            product[0][part] += product[1][part];
          }
          for (std::int64_t n = 0; n < kLanes; ++n) {
            dv_sums[static_cast<std::size_t>(n)] += lane(sum[0], n);
            product_sums[static_cast<std::size_t>(n)] += lane(product[0], n);
          }
        }
        for (std::size_t n = 0; n < static_cast<std::size_t>(shape.images_of(block)); ++n) {
          all.dv += dv_sums[n];
          all.dv_x += product_sums[n];
        }
      }
      sums[c] = all;
    }
  }
};

}  // namespace mvsgd::nn::lanes
