// Sums over images of products, held in registers, for one instruction set: weight gradients.
#pragma once

#include <cstdint>

#include "nn/lanes/loops.hpp"
#include "nn/lanes/simd.hpp"

namespace mvsgd::nn::lanes {

/// The number of steps and rows of sums over steps and images, and their strides, for
/// ProductOverImages::places.
struct ImageSteps {
  bool first = false;         ///< sums begin at zero
  std::int64_t count = 0;     ///< steps
  std::int64_t rows = 0;      ///< of sums
  std::int64_t v_stride = 0;  ///< from a step to the next
  std::int64_t v_place = 0;
  std::int64_t z_stride = 0;  ///< from an image to the next
  std::int64_t z_place = 0;
  std::int64_t d_stride = 0;  ///< from a row to the next
  std::int64_t d_place = 0;
};

/// d = sum of v z over images, with v broadcast and z's channels in the lanes: the products of a
/// weight gradient. S is the vector.
template <typename S>
struct ProductOverImages {
  using Vec = typename S::Vec;

  /// d[r * d_stride + c] = (or += unless `first`) the sum over steps s and images n of
  /// v[s * v_stride + r * kLanes + n] z[at(s) + n * z_stride + c], for Rows rows and Vectors
  /// vectors of channels.
  template <int Rows, int Vectors, typename At>
  [[gnu::always_inline]] static void add(bool first, std::int64_t steps, const float* v,
                                         std::int64_t v_stride, const At& at, std::int64_t z_stride,
                                         float* d, std::int64_t d_stride) {
    Vec sums[Rows][Vectors] = {};
    for (int r = 0; r < Rows && !first; ++r) {
      for (int i = 0; i < Vectors; ++i) sums[r][i] = S::load(d + r * d_stride + i * S::kWidth);
    }
    for (std::int64_t s = 0; s < steps; ++s) {
      const float* z = at(s);
      if (z == nullptr) continue;
      const float* const factors = v + s * v_stride;
      for (std::int64_t n = 0; n < kLanes; ++n, z += z_stride) {
        Vec value[Vectors];
        for (int i = 0; i < Vectors; ++i) value[i] = S::load(z + i * S::kWidth);
        for (int r = 0; r < Rows; ++r) {
          const Vec factor = S::broadcast(factors[r * kLanes + n]);
          for (int i = 0; i < Vectors; ++i) sums[r][i] = S::fma(factor, value[i], sums[r][i]);
        }
      }
    }
    for (int r = 0; r < Rows; ++r) {
      for (int i = 0; i < Vectors; ++i) S::store(d + r * d_stride + i * S::kWidth, sums[r][i]);
    }
  }

  /// The same for rows [begin, end) and Vectors vectors.
  template <int Vectors, typename At>
  [[gnu::always_inline]] static void rows(Range range, bool first, std::int64_t steps,
                                          const float* v, std::int64_t v_stride, const At& at,
                                          std::int64_t z_stride, float* d, std::int64_t d_stride) {
    std::int64_t r = range.begin;
    for (; r + kMany<Vectors> <= range.end; r += kMany<Vectors>) {
      add<kMany<Vectors>, Vectors>(first, steps, v + r * kLanes, v_stride, at, z_stride,
                                   d + r * d_stride, d_stride);
    }
    for (; r < range.end; ++r) {
      add<1, Vectors>(first, steps, v + r * kLanes, v_stride, at, z_stride, d + r * d_stride,
                      d_stride);
    }
  }

  /// The same for all rows at `places`, whose v, z and d are apart.
  /// Where rows are too few to hide the latency of a multiply-add, several places are summed at
  /// once.
  template <int Vectors>
  [[gnu::always_inline]] static void places(const ImageSteps& steps, Range range, const float* v,
                                            const float* z, float* d) {
    const std::int64_t whole = steps.rows / kMany<Vectors> * kMany<Vectors>;
    for (std::int64_t place = range.begin; place < range.end; ++place) {
      const float* const z_of = z + place * steps.z_place;
      const auto at = [&](std::int64_t s) __attribute__((always_inline)) {
        return z_of + s * kLanes * steps.z_stride;
      };
      rows<Vectors>({0, whole}, steps.first, steps.count, v + place * steps.v_place, steps.v_stride,
                    at, steps.z_stride, d + place * steps.d_place, steps.d_stride);
    }
    constexpr int kPlacesAtOnce = Vectors == 1 ? 4 : Vectors == 2 ? 2 : 1;
    constexpr int kFew = 3;
    for (std::int64_t r = whole; r < steps.rows;) {
      const bool few = r + kFew <= steps.rows;
      std::int64_t place = range.begin;
      while (place < range.end) {
        const bool several = place + kPlacesAtOnce <= range.end;
        if (few) {
          several ? places_of<kFew, Vectors, kPlacesAtOnce>(steps, r, place, v, z, d)
                  : places_of<kFew, Vectors, 1>(steps, r, place, v, z, d);
        } else {
          several ? places_of<1, Vectors, kPlacesAtOnce>(steps, r, place, v, z, d)
                  : places_of<1, Vectors, 1>(steps, r, place, v, z, d);
        }
        place += several ? kPlacesAtOnce : 1;
      }
      r += few ? kFew : 1;
    }
  }

 private:
  // Takes as many rows as hide the latency of a multiply-add.
  template <int Vectors>
  static constexpr int kMany = Vectors == 1 || S::kWidth == 16 ? 8 : 4;

  // Rows `row` to row + Rows at `Places` places from `place`.
  template <int Rows, int Vectors, int Places>
  [[gnu::always_inline]] static void places_of(const ImageSteps& steps, std::int64_t row,
                                               std::int64_t place, const float* v, const float* z,
                                               float* d) {
    v += place * steps.v_place + row * kLanes;
    z += place * steps.z_place;
    d += place * steps.d_place + row * steps.d_stride;
    Vec sums[Places][Rows][Vectors] = {};
    const auto each = [&](const auto& f) __attribute__((always_inline)) {
      for (int p = 0; p < Places; ++p) {
        for (int r = 0; r < Rows; ++r) {
          for (int i = 0; i < Vectors; ++i) {
            f(sums[p][r][i], d + p * steps.d_place + r * steps.d_stride + i * S::kWidth);
          }
        }
      }
    };
    if (!steps.first) {
      each([](Vec & sum, const float* at) __attribute__((always_inline)) { sum = S::load(at); });
    }
    for (std::int64_t s = 0; s < steps.count; ++s, v += steps.v_stride) {
      for (std::int64_t n = 0; n < kLanes; ++n, z += steps.z_stride) {
        for (int p = 0; p < Places; ++p) {
          Vec value[Vectors];
          for (int i = 0; i < Vectors; ++i) {
            value[i] = S::load(z + p * steps.z_place + i * S::kWidth);
          }
          for (int r = 0; r < Rows; ++r) {
            const Vec factor = S::broadcast(v[p * steps.v_place + r * kLanes + n]);
            for (int i = 0; i < Vectors; ++i) {
              sums[p][r][i] = S::fma(factor, value[i], sums[p][r][i]);
            }
          }
        }
      }
    }
    each([](const Vec& sum, float* at) __attribute__((always_inline)) { S::store(at, sum); });
  }
};

/// Calls f(S, Vectors as a constant, first channel) for vectors that cover padded(channels), with
/// as many channels at once as pay.
template <Isa Path, typename F>
[[gnu::always_inline]] inline void for_each_vectors(std::int64_t channels, const F& f) {
  using Whole = Simd<Path>;
  const std::int64_t all = padded(channels);
  std::int64_t c = 0;
  const auto run = [&]<typename S, int Vectors>() __attribute__((always_inline)) {
    for (; c + Vectors * S::kWidth <= all; c += Vectors * S::kWidth) {
      f.template operator()<S, Vectors>(c);
    }
  };
  run.template operator()<Whole, 3>();
  run.template operator()<Whole, 2>();
  run.template operator()<Whole, 1>();
  if constexpr (Path == Isa::avx512) run.template operator()<Simd<Isa::avx2>, 1>();
}

}  // namespace mvsgd::nn::lanes
