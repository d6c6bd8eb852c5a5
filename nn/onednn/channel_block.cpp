#include "nn/onednn/channel_block.hpp"

#include <algorithm>
#include <cstddef>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

// Each kernel is compiled for several instruction sets, and the processor's best is taken when the
// program starts. All of them compute the same bits, by -ffp-contract=off and the fixed order.
#if defined(__x86_64__) && defined(__gnu_linux__)
#define MVSGD_KERNEL [[gnu::target_clones("avx512f", "avx2", "default")]]
#else
#define MVSGD_KERNEL
#endif
#define MVSGD_INLINE [[gnu::always_inline]] inline
#define MVSGD_STEP __attribute__((always_inline))

namespace mvsgd::nn::kernels {
namespace {

// The lanes of one element of the plane; GCC splits them if registers are narrower. Only local
// variables have these types, since their calling convention depends on the instruction set.
template <int Lanes>
struct VecOf {
  using Float __attribute__((vector_size(Lanes * sizeof(float)), may_alias)) = float;
  using Double __attribute__((vector_size(Lanes * sizeof(double)), may_alias)) = double;
};
template <int Lanes>
using Vec = typename VecOf<Lanes>::Float;

// Sums run in kChains vectors at once, so that an addition need not wait for the one before.
constexpr std::int64_t kChains = 4;
// The elements of the plane whose moments are taken at once: 4 KiB for 16 lanes.
constexpr std::int64_t kChunk = 64;
// How far ahead of its use memory is prefetched, in floats. The processor's own prefetching stops
// at the end of each page, and a plane is a few pages at most.
constexpr std::int64_t kAhead = 1024;

template <int Lanes>
MVSGD_INLINE const Vec<Lanes>* vectors(const float* x) {
  return reinterpret_cast<const Vec<Lanes>*>(x);
}
template <int Lanes>
MVSGD_INLINE Vec<Lanes>* vectors(float* x) {
  return reinterpret_cast<Vec<Lanes>*>(x);
}

// Element e of image n of a block, and the element that a loop over all will need soon: one further
// on in the plane or, if planes are small, the same one of the next image.
class Walk {
 public:
  explicit Walk(const ChannelBlock& block)
      : stride_(block.image_stride),
        ahead_(block.plane * block.lanes > 2 * kAhead ? kAhead : block.image_stride) {}

  template <typename T>
  [[nodiscard]] MVSGD_INLINE T* image(T* x, std::int64_t n) const {
    return x + n * stride_;
  }
  // The distance in floats from the data used now to the data to prefetch.
  [[nodiscard]] MVSGD_INLINE std::int64_t ahead() const { return ahead_; }
  [[nodiscard]] MVSGD_INLINE std::int64_t behind() const {
    return ahead_ == stride_ ? -stride_ : ahead_;
  }

 private:
  std::int64_t stride_;
  std::int64_t ahead_;
};

template <int Lanes>
MVSGD_INLINE void ask_for(const Vec<Lanes>* from, std::int64_t floats) {
  __builtin_prefetch(reinterpret_cast<const float*>(from) + floats, 0, 2);
}

// Calls step(e, chain) for e in [0, count); chain is e % kChains and known to the compiler.
template <typename Step>
MVSGD_INLINE void in_chains(std::int64_t count, const Step& step) {
  std::int64_t e = 0;
  for (; e + kChains <= count; e += kChains) {
    for (std::int64_t chain = 0; chain < kChains; ++chain) step(e + chain, chain);
  }
  for (std::int64_t chain = 0; e + chain < count; ++chain) step(e + chain, chain);
}

// Stores past the caches. A pass needs its result again only much later, and an ordinary store
// would first read the line: a third of batch norm's forward time.
template <int Lanes>
MVSGD_INLINE void store(const Vec<Lanes>& value, Vec<Lanes>* to) {
#if defined(__SSE__)
  for (int first = 0; first < Lanes; first += 4) {
    __m128 part;
    __builtin_memcpy(&part, reinterpret_cast<const float*>(&value) + first, sizeof(part));
    _mm_stream_ps(reinterpret_cast<float*>(to) + first, part);
  }
#else
  *to = value;
#endif
}

// Must come before another thread may read what store() wrote.
MVSGD_INLINE void finish_stores() {
#if defined(__SSE__)
  _mm_sfence();
#endif
}

// Leaves the sum of the chains in the first.
template <int Lanes>
MVSGD_INLINE Vec<Lanes>& folded(Vec<Lanes>* chains) {
  chains[0] = (chains[0] + chains[1]) + (chains[2] + chains[3]);
  return chains[0];
}

// [Lanes] numbers at any address.
template <int Lanes>
struct Numbers {
  Vec<Lanes> vec;
  MVSGD_INLINE explicit Numbers(const float* values) {
    for (int l = 0; l < Lanes; ++l) vec[l] = values[l];
  }
};

template <int Lanes>
MVSGD_INLINE void plane_sum_of(std::int64_t plane, const float* x, float* sums) {
  const Vec<Lanes>* from = vectors<Lanes>(x);
  Vec<Lanes> chains[kChains] = {};
  in_chains(plane,
            [&](std::int64_t e, std::int64_t chain) MVSGD_STEP { chains[chain] += from[e]; });
  const Vec<Lanes>& sum = folded<Lanes>(chains);
  for (int l = 0; l < Lanes; ++l) sums[l] = sum[l];
}

template <int Lanes>
MVSGD_INLINE void moments_of(const ChannelBlock& block, const float* x, double* means,
                             double* squares) {
  using Double = typename VecOf<Lanes>::Double;
  const Walk walk(block);
  Double mean = {};
  Double square = {};
  std::int64_t seen = 0;
  for (std::int64_t n = 0; n < block.images; ++n) {
    const Vec<Lanes>* from = vectors<Lanes>(walk.image(x, n));
    for (std::int64_t first = 0; first < block.plane; first += kChunk, from += kChunk) {
      const std::int64_t count = std::min(kChunk, block.plane - first);
      Vec<Lanes> sums[kChains] = {};
      in_chains(count, [&](std::int64_t e, std::int64_t chain) MVSGD_STEP {
        ask_for<Lanes>(from + e, walk.ahead());
        sums[chain] += from[e];
      });
      const Vec<Lanes> chunk_mean = folded<Lanes>(sums) / static_cast<float>(count);
      Vec<Lanes> differences[kChains] = {};
      in_chains(count, [&](std::int64_t e, std::int64_t chain) MVSGD_STEP {
        const Vec<Lanes> difference = from[e] - chunk_mean;
        differences[chain] += difference * difference;
      });
      const Double delta = __builtin_convertvector(chunk_mean, Double) - mean;
      const double share = static_cast<double>(count) / static_cast<double>(seen + count);
      mean += delta * share;
      square += __builtin_convertvector(folded<Lanes>(differences), Double) +
                delta * delta * (static_cast<double>(seen) * share);
      seen += count;
    }
  }
  for (int l = 0; l < Lanes; ++l) {
    means[l] = mean[l];
    squares[l] = square[l];
  }
}

// apply() and input_gradient() follow a pass over the same data. They go through the images the
// other way, so that they first meet what that pass left in the cache.

template <int Lanes, bool Relu, bool Residual>
MVSGD_INLINE void apply_of(const ChannelBlock& block, const Affine& affine, const float* x,
                           const float* residual, float* y) {
  const Walk walk(block);
  const Numbers<Lanes> mean(affine.mean);
  const Numbers<Lanes> scale(affine.scale);
  const Numbers<Lanes> shift(affine.shift);
  for (std::int64_t n = block.images - 1; n >= 0; --n) {
    const Vec<Lanes>* from = vectors<Lanes>(walk.image(x, n));
    const Vec<Lanes>* term = Residual ? vectors<Lanes>(walk.image(residual, n)) : nullptr;
    Vec<Lanes>* to = vectors<Lanes>(walk.image(y, n));
    for (std::int64_t e = 0; e < block.plane; ++e) {
      ask_for<Lanes>(from + e, walk.behind());
      Vec<Lanes> value = (from[e] - mean.vec) * scale.vec + shift.vec;
      if constexpr (Residual) {
        ask_for<Lanes>(term + e, walk.behind());
        value += term[e];
      }
      if constexpr (Relu) value = value <= 0 ? Vec<Lanes>{} : value;
      store<Lanes>(value, to + e);
    }
  }
  finish_stores();
}

// Where ReLU was open, and how that is known.
enum class Let : unsigned char { all, apply_of_x, positive_y };

template <int Lanes, Let Through, bool More>
MVSGD_INLINE void gradient_sums_of(const ChannelBlock& block, const Affine& affine, const float* x,
                                   const float* y, const float* dy, const float* more, float* dv,
                                   double* sum_dv, double* sum_dv_x) {
  using Double = typename VecOf<Lanes>::Double;
  const Walk walk(block);
  const Numbers<Lanes> mean(affine.mean);
  const Numbers<Lanes> scale(affine.scale);
  const Numbers<Lanes> shift(affine.shift);
  Double sum = {};
  Double product = {};
  for (std::int64_t n = 0; n < block.images; ++n) {
    const Vec<Lanes>* from = vectors<Lanes>(walk.image(x, n));
    const Vec<Lanes>* gradient = vectors<Lanes>(walk.image(dy, n));
    const Vec<Lanes>* value = Through == Let::positive_y ? vectors<Lanes>(walk.image(y, n)) : from;
    const Vec<Lanes>* added = More ? vectors<Lanes>(walk.image(more, n)) : nullptr;
    Vec<Lanes>* kept = Through == Let::positive_y ? vectors<Lanes>(walk.image(dv, n)) : nullptr;
    Vec<Lanes> sums[kChains] = {};
    Vec<Lanes> products[kChains] = {};
    in_chains(block.plane, [&](std::int64_t e, std::int64_t chain) MVSGD_STEP {
      ask_for<Lanes>(from + e, walk.ahead());
      ask_for<Lanes>(gradient + e, walk.ahead());
      const Vec<Lanes> difference = from[e] - mean.vec;
      Vec<Lanes> term = gradient[e];
      if constexpr (More) {
        ask_for<Lanes>(added + e, walk.ahead());
        term += added[e];
      }
      if constexpr (Through == Let::apply_of_x) {
        term = difference * scale.vec + shift.vec <= 0 ? Vec<Lanes>{} : term;
      }
      if constexpr (Through == Let::positive_y) {
        ask_for<Lanes>(value + e, walk.ahead());
        term = value[e] <= 0 ? Vec<Lanes>{} : term;
        kept[e] = term;
      }
      sums[chain] += term;
      products[chain] += term * difference;
    });
    sum += __builtin_convertvector(folded<Lanes>(sums), Double);
    product += __builtin_convertvector(folded<Lanes>(products), Double);
  }
  for (int l = 0; l < Lanes; ++l) {
    sum_dv[l] = sum[l];
    sum_dv_x[l] = product[l];
  }
}

template <int Lanes, bool Relu>
MVSGD_INLINE void input_gradient_of(const ChannelBlock& block, const Affine& affine,
                                    const InputGradient& gradient, const float* x, const float* dy,
                                    float* dx) {
  const Walk walk(block);
  const Numbers<Lanes> mean(affine.mean);
  const Numbers<Lanes> scale(affine.scale);
  const Numbers<Lanes> shift(affine.shift);
  const Numbers<Lanes> factor(gradient.factor);
  const Numbers<Lanes> constant(gradient.constant);
  const Numbers<Lanes> slope(gradient.slope);
  for (std::int64_t n = block.images - 1; n >= 0; --n) {
    const Vec<Lanes>* from = vectors<Lanes>(walk.image(x, n));
    const Vec<Lanes>* terms = vectors<Lanes>(walk.image(dy, n));
    Vec<Lanes>* to = vectors<Lanes>(walk.image(dx, n));
    for (std::int64_t e = 0; e < block.plane; ++e) {
      ask_for<Lanes>(from + e, walk.behind());
      ask_for<Lanes>(terms + e, walk.behind());
      const Vec<Lanes> difference = from[e] - mean.vec;
      Vec<Lanes> dv = terms[e];
      if constexpr (Relu) dv = difference * scale.vec + shift.vec <= 0 ? Vec<Lanes>{} : dv;
      to[e] = factor.vec * dv - constant.vec - slope.vec * difference;
    }
  }
}

template <int Lanes>
MVSGD_INLINE void apply_in(const ChannelBlock& block, const Affine& affine, const float* x,
                           const float* residual, float* y) {
  if (residual == nullptr) {
    affine.relu ? apply_of<Lanes, true, false>(block, affine, x, residual, y)
                : apply_of<Lanes, false, false>(block, affine, x, residual, y);
  } else {
    affine.relu ? apply_of<Lanes, true, true>(block, affine, x, residual, y)
                : apply_of<Lanes, false, true>(block, affine, x, residual, y);
  }
}

template <int Lanes>
MVSGD_INLINE void gradient_sums_in(const ChannelBlock& block, const Affine& affine, const float* x,
                                   const float* dy, double* sum_dv, double* sum_dv_x) {
  affine.relu ? gradient_sums_of<Lanes, Let::apply_of_x, false>(block, affine, x, nullptr, dy,
                                                                nullptr, nullptr, sum_dv, sum_dv_x)
              : gradient_sums_of<Lanes, Let::all, false>(block, affine, x, nullptr, dy, nullptr,
                                                         nullptr, sum_dv, sum_dv_x);
}

template <int Lanes>
MVSGD_INLINE void residual_gradient_sums_in(const ChannelBlock& block, const Affine& affine,
                                            const float* x, const float* y, const float* dy,
                                            const float* more, float* dv, double* sum_dv,
                                            double* sum_dv_x) {
  more == nullptr ? gradient_sums_of<Lanes, Let::positive_y, false>(block, affine, x, y, dy, more,
                                                                    dv, sum_dv, sum_dv_x)
                  : gradient_sums_of<Lanes, Let::positive_y, true>(block, affine, x, y, dy, more,
                                                                   dv, sum_dv, sum_dv_x);
}

template <int Lanes>
MVSGD_INLINE void input_gradient_in(const ChannelBlock& block, const Affine& affine,
                                    const InputGradient& gradient, const float* x, const float* dy,
                                    float* dx) {
  affine.relu ? input_gradient_of<Lanes, true>(block, affine, gradient, x, dy, dx)
              : input_gradient_of<Lanes, false>(block, affine, gradient, x, dy, dx);
}

}  // namespace

MVSGD_KERNEL void moments(const ChannelBlock& block, const float* x, double* means,
                          double* squares) {
  block.lanes == 8 ? moments_of<8>(block, x, means, squares)
                   : moments_of<16>(block, x, means, squares);
}

MVSGD_KERNEL void apply(const ChannelBlock& block, const Affine& affine, const float* x,
                        const float* residual, float* y) {
  block.lanes == 8 ? apply_in<8>(block, affine, x, residual, y)
                   : apply_in<16>(block, affine, x, residual, y);
}

MVSGD_KERNEL void gradient_sums(const ChannelBlock& block, const Affine& affine, const float* x,
                                const float* dy, double* sum_dv, double* sum_dv_x) {
  block.lanes == 8 ? gradient_sums_in<8>(block, affine, x, dy, sum_dv, sum_dv_x)
                   : gradient_sums_in<16>(block, affine, x, dy, sum_dv, sum_dv_x);
}

MVSGD_KERNEL void residual_gradient_sums(const ChannelBlock& block, const float* mean,
                                         const float* x, const float* y, const float* dy,
                                         const float* more, float* dv, double* sum_dv,
                                         double* sum_dv_x) {
  const Affine affine{.mean = mean, .scale = mean, .shift = mean};  // only the mean is used
  block.lanes == 8
      ? residual_gradient_sums_in<8>(block, affine, x, y, dy, more, dv, sum_dv, sum_dv_x)
      : residual_gradient_sums_in<16>(block, affine, x, y, dy, more, dv, sum_dv, sum_dv_x);
}

MVSGD_KERNEL void input_gradient(const ChannelBlock& block, const Affine& affine,
                                 const InputGradient& gradient, const float* x, const float* dy,
                                 float* dx) {
  block.lanes == 8 ? input_gradient_in<8>(block, affine, gradient, x, dy, dx)
                   : input_gradient_in<16>(block, affine, gradient, x, dy, dx);
}

MVSGD_KERNEL void plane_sum(int lanes, std::int64_t plane, const float* x, float* sums) {
  lanes == 8 ? plane_sum_of<8>(plane, x, sums) : plane_sum_of<16>(plane, x, sums);
}

}  // namespace mvsgd::nn::kernels
