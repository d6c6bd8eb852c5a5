#include "nn/onednn/kernels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "nn/exp_log.hpp"

// Each kernel is compiled for several instruction sets and the processor's best is taken when the
// program starts. -ffp-contract=off and the fixed order make all of them compute the same bits.
#if defined(__x86_64__) && defined(__gnu_linux__)
#define MVSGD_KERNEL [[gnu::target_clones("avx512f", "avx2", "default")]]
#else
#define MVSGD_KERNEL
#endif
#define MVSGD_INLINE [[gnu::always_inline]] inline

namespace mvsgd::nn::kernels {
namespace {

// Eight floats: GCC splits them where registers are narrower. Only local variables have this type,
// as its calling convention depends on the instruction set.
using Vec = float __attribute__((vector_size(32), may_alias));
constexpr std::int64_t kVec = 8;
// Sums run in kChains vectors at once, so that one addition need not wait for the last.
constexpr std::int64_t kChains = 4;

MVSGD_INLINE const Vec* vectors(const float* x) { return reinterpret_cast<const Vec*>(x); }
MVSGD_INLINE Vec* vectors(float* x) { return reinterpret_cast<Vec*>(x); }

// Blocked planes are rows of `Width` vectors (one for 8 lanes, two for 16); vector i of a plane has
// the lanes of vector i % Width. The chains of a sum are a multiple of that apart, so that each
// holds the lanes of one vector.

template <int Width>
MVSGD_INLINE void fold(const Vec* chains, Vec* lanes) {
  for (int v = 0; v < Width; ++v) {
    lanes[v] = chains[v];
    for (std::int64_t j = v + Width; j < kChains; j += Width) lanes[v] += chains[j];
  }
}

// What each lane has at vector i: `values` [lanes] as vectors, repeated over the chains.
template <int Width>
MVSGD_INLINE void spread(const float* values, Vec* chains) {
  for (std::int64_t j = 0; j < kChains; ++j) {
    for (std::int64_t l = 0; l < kVec; ++l) chains[j][l] = values[(j % Width) * kVec + l];
  }
}

template <int Width>
MVSGD_INLINE void plane_sum_of(std::int64_t plane, const float* x, float* sums) {
  const Vec* from = vectors(x);
  const std::int64_t count = plane * Width;
  Vec chains[kChains] = {};
  std::int64_t i = 0;
  for (; i + kChains <= count; i += kChains) {
    for (std::int64_t j = 0; j < kChains; ++j) chains[j] += from[i + j];
  }
  for (std::int64_t j = 0; i + j < count; ++j) chains[j] += from[i + j];
  Vec lanes[Width];
  fold<Width>(chains, lanes);
  for (std::int64_t l = 0; l < Width * kVec; ++l) sums[l] = lanes[l / kVec][l % kVec];
}

template <int Width>
MVSGD_INLINE void plane_squares_of(std::int64_t plane, const float* x, const float* means,
                                   float* squares) {
  const Vec* from = vectors(x);
  const std::int64_t count = plane * Width;
  Vec mean[kChains];
  spread<Width>(means, mean);
  Vec chains[kChains] = {};
  std::int64_t i = 0;
  for (; i + kChains <= count; i += kChains) {
    for (std::int64_t j = 0; j < kChains; ++j) {
      const Vec difference = from[i + j] - mean[j];
      chains[j] += difference * difference;
    }
  }
  for (std::int64_t j = 0; i + j < count; ++j) {
    const Vec difference = from[i + j] - mean[j];
    chains[j] += difference * difference;
  }
  Vec lanes[Width];
  fold<Width>(chains, lanes);
  for (std::int64_t l = 0; l < Width * kVec; ++l) squares[l] = lanes[l / kVec][l % kVec];
}

template <int Width>
MVSGD_INLINE void moments_of(const ChannelBlock& block, const float* x, double* means,
                             double* squares) {
  constexpr std::size_t kLanes = Width * kVec;
  const auto plane = static_cast<double>(block.plane);
  std::fill_n(means, kLanes, 0.0);
  std::fill_n(squares, kLanes, 0.0);
  for (std::int64_t n = 0; n < block.images; ++n) {
    const float* image = x + n * block.image_stride;
    float plane_means[kLanes];
    float plane_squares[kLanes];
    plane_sum_of<Width>(block.plane, image, plane_means);
    for (float& mean : plane_means) mean /= static_cast<float>(block.plane);
    plane_squares_of<Width>(block.plane, image, plane_means, plane_squares);
    const double share = 1.0 / static_cast<double>(n + 1);
    for (std::size_t l = 0; l < kLanes; ++l) {
      const double delta = static_cast<double>(plane_means[l]) - means[l];
      means[l] += delta * share;
      squares[l] += static_cast<double>(plane_squares[l]) +
                    delta * delta * plane * (static_cast<double>(n) * share);
    }
  }
}

// max(0, x) that leaves a NaN a NaN.
MVSGD_INLINE float rectified(float x) { return x <= 0 ? 0.0F : x; }

template <int Width, bool Relu>
MVSGD_INLINE void apply_of(const ChannelBlock& block, const Affine& affine, const float* x,
                           float* y) {
  Vec mean[kChains];
  Vec scale[kChains];
  Vec shift[kChains];
  spread<Width>(affine.mean, mean);
  spread<Width>(affine.scale, scale);
  spread<Width>(affine.shift, shift);
  const std::int64_t count = block.plane * Width;
  for (std::int64_t n = 0; n < block.images; ++n) {
    const Vec* from = vectors(x + n * block.image_stride);
    Vec* to = vectors(y + n * block.image_stride);
    for (std::int64_t i = 0; i < count; i += Width) {
      for (std::int64_t j = 0; j < Width; ++j) {
        const Vec value = (from[i + j] - mean[j]) * scale[j] + shift[j];
        to[i + j] = Relu ? (value <= 0 ? Vec{} : value) : value;
      }
    }
  }
}

template <int Width, bool Relu>
MVSGD_INLINE void gradient_sums_of(const ChannelBlock& block, const Affine& affine, const float* x,
                                   const float* dy, double* sum_dv, double* sum_dv_x) {
  constexpr std::size_t kLanes = Width * kVec;
  Vec mean[kChains];
  Vec scale[kChains];
  Vec shift[kChains];
  spread<Width>(affine.mean, mean);
  spread<Width>(affine.scale, scale);
  spread<Width>(affine.shift, shift);
  std::fill_n(sum_dv, kLanes, 0.0);
  std::fill_n(sum_dv_x, kLanes, 0.0);
  const std::int64_t count = block.plane * Width;
  for (std::int64_t n = 0; n < block.images; ++n) {
    const Vec* from = vectors(x + n * block.image_stride);
    const Vec* gradient = vectors(dy + n * block.image_stride);
    Vec sums[kChains] = {};
    Vec products[kChains] = {};
    for (std::int64_t i = 0; i < count; i += kChains) {
      const std::int64_t chains = std::min(kChains, count - i);
      for (std::int64_t j = 0; j < chains; ++j) {
        const Vec difference = from[i + j] - mean[j];
        Vec dv = gradient[i + j];
        if constexpr (Relu) dv = difference * scale[j] + shift[j] <= 0 ? Vec{} : dv;
        sums[j] += dv;
        products[j] += dv * difference;
      }
    }
    Vec lane_sums[Width];
    Vec lane_products[Width];
    fold<Width>(sums, lane_sums);
    fold<Width>(products, lane_products);
    for (std::size_t l = 0; l < kLanes; ++l) {
      sum_dv[l] += static_cast<double>(lane_sums[l / kVec][l % kVec]);
      sum_dv_x[l] += static_cast<double>(lane_products[l / kVec][l % kVec]);
    }
  }
}

template <int Width, bool Relu>
MVSGD_INLINE void input_gradient_of(const ChannelBlock& block, const Affine& affine,
                                    const InputGradient& gradient, const float* x, const float* dy,
                                    float* dx) {
  Vec mean[kChains];
  Vec scale[kChains];
  Vec shift[kChains];
  Vec factor[kChains];
  Vec constant[kChains];
  Vec slope[kChains];
  spread<Width>(affine.mean, mean);
  spread<Width>(affine.scale, scale);
  spread<Width>(affine.shift, shift);
  spread<Width>(gradient.factor, factor);
  spread<Width>(gradient.constant, constant);
  spread<Width>(gradient.slope, slope);
  const std::int64_t count = block.plane * Width;
  for (std::int64_t n = 0; n < block.images; ++n) {
    const Vec* from = vectors(x + n * block.image_stride);
    const Vec* terms = vectors(dy + n * block.image_stride);
    Vec* to = vectors(dx + n * block.image_stride);
    for (std::int64_t i = 0; i < count; i += Width) {
      for (std::int64_t j = 0; j < Width; ++j) {
        const Vec difference = from[i + j] - mean[j];
        Vec dv = terms[i + j];
        if constexpr (Relu) dv = difference * scale[j] + shift[j] <= 0 ? Vec{} : dv;
        to[i + j] = factor[j] * dv - constant[j] - slope[j] * difference;
      }
    }
  }
}

}  // namespace

MVSGD_KERNEL void add(float* __restrict y, const float* __restrict x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] += x[i];
}

MVSGD_KERNEL void add_relu(const float* __restrict a, const float* __restrict b,
                           float* __restrict y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = rectified(a[i] + b[i]);
}

MVSGD_KERNEL void relu(const float* __restrict x, float* __restrict y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = rectified(x[i]);
}

MVSGD_KERNEL void relu_backward(const float* __restrict dy, const float* __restrict y,
                                float* __restrict dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = y[i] <= 0 ? 0.0F : dy[i];
}

MVSGD_KERNEL void sgd_step(float* __restrict theta, const float* __restrict gradient,
                           std::int64_t count, float learning_rate, float weight_decay) {
  for (std::int64_t i = 0; i < count; ++i) {
    theta[i] -= learning_rate * (gradient[i] + weight_decay * theta[i]);
  }
}

MVSGD_KERNEL void moments(const ChannelBlock& block, const float* x, double* means,
                          double* squares) {
  if (block.lanes == kVec) {
    moments_of<1>(block, x, means, squares);
  } else {
    moments_of<2>(block, x, means, squares);
  }
}

MVSGD_KERNEL void apply(const ChannelBlock& block, const Affine& affine, const float* x, float* y) {
  if (block.lanes == kVec) {
    affine.relu ? apply_of<1, true>(block, affine, x, y) : apply_of<1, false>(block, affine, x, y);
  } else {
    affine.relu ? apply_of<2, true>(block, affine, x, y) : apply_of<2, false>(block, affine, x, y);
  }
}

MVSGD_KERNEL void gradient_sums(const ChannelBlock& block, const Affine& affine, const float* x,
                                const float* dy, double* sum_dv, double* sum_dv_x) {
  if (block.lanes == kVec) {
    affine.relu ? gradient_sums_of<1, true>(block, affine, x, dy, sum_dv, sum_dv_x)
                : gradient_sums_of<1, false>(block, affine, x, dy, sum_dv, sum_dv_x);
  } else {
    affine.relu ? gradient_sums_of<2, true>(block, affine, x, dy, sum_dv, sum_dv_x)
                : gradient_sums_of<2, false>(block, affine, x, dy, sum_dv, sum_dv_x);
  }
}

MVSGD_KERNEL void input_gradient(const ChannelBlock& block, const Affine& affine,
                                 const InputGradient& gradient, const float* x, const float* dy,
                                 float* dx) {
  if (block.lanes == kVec) {
    affine.relu ? input_gradient_of<1, true>(block, affine, gradient, x, dy, dx)
                : input_gradient_of<1, false>(block, affine, gradient, x, dy, dx);
  } else {
    affine.relu ? input_gradient_of<2, true>(block, affine, gradient, x, dy, dx)
                : input_gradient_of<2, false>(block, affine, gradient, x, dy, dx);
  }
}

MVSGD_KERNEL void plane_sum(int lanes, std::int64_t plane, const float* x, float* sums) {
  lanes == kVec ? plane_sum_of<1>(plane, x, sums) : plane_sum_of<2>(plane, x, sums);
}

MVSGD_KERNEL void linear(std::int64_t rows, std::int64_t inner, std::int64_t columns,
                         const float* x, const float* w, const float* b, float* y) {
  for (std::int64_t n = 0; n < rows; ++n) {
    for (std::int64_t o = 0; o < columns; ++o) {
      const float* row = x + n * inner;
      const float* weights = w + o * inner;
      std::array<float, kVec> sums{};
      std::int64_t c = 0;
      for (; c + kVec <= inner; c += kVec) {
        for (std::int64_t l = 0; l < kVec; ++l) {
          sums[static_cast<std::size_t>(l)] += row[c + l] * weights[c + l];
        }
      }
      float sum = 0;
      for (; c < inner; ++c) sum += row[c] * weights[c];
      for (const float part : sums) sum += part;
      y[n * columns + o] = sum + b[o];
    }
  }
}

MVSGD_KERNEL void add_product(std::int64_t rows, std::int64_t inner, std::int64_t columns,
                              const float* __restrict a, Strides strides, const float* __restrict b,
                              float* __restrict c) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < inner; ++k) {
      const float factor = a[i * strides.row + k * strides.column];
      for (std::int64_t j = 0; j < columns; ++j) c[i * columns + j] += factor * b[k * columns + j];
    }
  }
}

double cross_entropy(std::span<const float> logits, std::size_t label, double count,
                     float* dlogits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  const auto power = [largest](float logit) { return exact_order_exp(logit - largest); };
  double sum = 0;
  for (const float logit : logits) sum += power(logit);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double target = i == label ? 1.0 : 0.0;
    dlogits[i] = static_cast<float>((power(logits[i]) / sum - target) / count);
  }
  return exact_order_log(sum) - (logits[label] - largest);
}

}  // namespace mvsgd::nn::kernels
