// Tensors into lanes and back, and convolutions by their definition, for tests.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "nn/lanes/bf16_convolution.hpp"
#include "nn/lanes/convolution_shape.hpp"
#include "nn/lanes/make_lanes.hpp"
#include "nn/lanes/tiles.hpp"

namespace mvsgd::nn::lanes::testing {

/// [N, C, H, W].
struct Extents {
  std::int64_t n, c, h, w;
  [[nodiscard]] std::int64_t count() const { return n * c * h * w; }
};
inline Extents x_extents(const ConvolutionShape& s) {
  return {s.images, s.channels, s.height, s.width};
}
inline Extents y_extents(const ConvolutionShape& s) {
  return {s.images, s.outputs, s.result_height(), s.result_width()};
}
inline std::int64_t weight_count(const ConvolutionShape& s) {
  return s.outputs * s.channels * s.kernel_height * s.kernel_width;
}

/// Floats in lanes, aligned to 64 bytes.
class InLanes {
 public:
  explicit InLanes(const Extents& extents, float everywhere = 0)
      : extents_(extents),
        count_((extents.n + kLanes - 1) / kLanes * kLanes * extents.c * extents.h * extents.w),
        data_(static_cast<float*>(::operator new (static_cast<std::size_t>(count_) * sizeof(float),
                                                  std::align_val_t{64}))) {
    for (std::int64_t i = 0; i < count_; ++i) data_.get()[i] = everywhere;
  }
  InLanes(const Extents& extents, const std::vector<float>& plain) : InLanes(extents) {
    walk([&](std::int64_t lane, std::size_t at) { data_.get()[lane] = plain[at]; });
  }

  [[nodiscard]] float* data() { return data_.get(); }
  [[nodiscard]] const float* data() const { return data_.get(); }
  [[nodiscard]] std::vector<float> plain() const {
    std::vector<float> values(static_cast<std::size_t>(extents_.count()));
    walk([&](std::int64_t lane, std::size_t at) { values[at] = data_.get()[lane]; });
    return values;
  }
  /// All bits, lanes past N included.
  [[nodiscard]] std::vector<std::uint32_t> bits() const {
    std::vector<std::uint32_t> all;
    for (std::int64_t i = 0; i < count_; ++i) {
      all.push_back(std::bit_cast<std::uint32_t>(data_.get()[i]));
    }
    return all;
  }
  [[nodiscard]] std::vector<float> past_the_images() const {
    std::vector<float> values;
    for (std::int64_t i = 0; i < count_; ++i) {
      const std::int64_t block = i / (extents_.h * extents_.w * extents_.c * kLanes);
      if (block * kLanes + i % kLanes >= extents_.n) values.push_back(data_.get()[i]);
    }
    return values;
  }

 private:
  // Calls f(place in lanes, place in the plain tensor).
  void walk(const std::function<void(std::int64_t, std::size_t)>& f) const {
    std::size_t at = 0;
    for (std::int64_t n = 0; n < extents_.n; ++n) {
      for (std::int64_t c = 0; c < extents_.c; ++c) {
        for (std::int64_t pixel = 0; pixel < extents_.h * extents_.w; ++pixel, ++at) {
          const std::int64_t row = n / kLanes * extents_.h * extents_.w + pixel;
          f((row * extents_.c + c) * kLanes + n % kLanes, at);
        }
      }
    }
  }
  struct Free {
    void operator()(float* data) const { ::operator delete (data, std::align_val_t{64}); }
  };
  Extents extents_;
  std::int64_t count_;
  std::unique_ptr<float, Free> data_;
};

inline ParallelLoop serial() {
  return [](std::int64_t count, const std::function<void(std::int64_t)>& body) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
  };
}
/// A loop whose next index goes to whichever thread is free.
inline ParallelLoop by_threads(int threads) {
  return [threads](std::int64_t count, const std::function<void(std::int64_t)>& body) {
    std::atomic<std::int64_t> next = 0;
    std::vector<std::jthread> team;
    team.reserve(static_cast<std::size_t>(threads));
    for (int t = 0; t < threads; ++t) {
      team.emplace_back([&] {
        for (std::int64_t i = next++; i < count; i = next++) body(i);
      });
    }
  };
}

/// On one thread.
inline std::unique_ptr<Backend> winograd_backend(bool bf16) {
  std::unique_ptr<Backend> made =
      make_lanes_backend({.convolution = ConvolutionChoice::winograd, .bf16 = bf16});
  made->enter(1);
  return made;
}

inline float rounded_to_bf16(float x) {
  return std::bit_cast<float>(std::uint32_t{nearest_bf16(std::bit_cast<std::uint32_t>(x))} << 16U);
}

/// Calls f(place in x, place in w, place in y) for every product of the convolution; all are plain.
inline void for_each_product(const ConvolutionShape& s,
                             const std::function<void(std::size_t, std::size_t, std::size_t)>& f) {
  std::size_t y = 0;
  for (std::int64_t n = 0; n < s.images; ++n) {
    for (std::int64_t o = 0; o < s.outputs; ++o) {
      for (std::int64_t i = 0; i < s.result_height(); ++i) {
        for (std::int64_t j = 0; j < s.result_width(); ++j, ++y) {
          for (std::int64_t c = 0; c < s.channels; ++c) {
            for (std::int64_t u = 0; u < s.kernel_height; ++u) {
              for (std::int64_t v = 0; v < s.kernel_width; ++v) {
                const std::int64_t row = i * s.stride + u - s.padding;
                const std::int64_t column = j * s.stride + v - s.padding;
                if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
                f(static_cast<std::size_t>(((n * s.channels + c) * s.height + row) * s.width +
                                           column),
                  static_cast<std::size_t>(
                      ((o * s.channels + c) * s.kernel_height + u) * s.kernel_width + v),
                  y);
              }
            }
          }
        }
      }
    }
  }
}

/// Odd sizes; channels and outputs about and beyond a tile's; every stride; kernels up to the whole
/// image and beyond it; padding beyond the kernel; images about a block.
inline std::vector<ConvolutionShape> shapes() {
  return {
      {1, 3, 5, 7, 16, 3, 3, 1, 1},   {16, 5, 6, 5, 10, 3, 3, 2, 1},
      {19, 16, 7, 6, 24, 3, 3, 1, 1}, {19, 40, 5, 4, 17, 3, 3, 2, 1},
      {16, 16, 8, 8, 40, 1, 1, 2, 0}, {1, 16, 4, 4, 33, 1, 1, 1, 0},
      {3, 5, 7, 9, 4, 5, 3, 3, 2},    {2, 4, 6, 6, 8, 2, 2, 2, 0},
      {2, 3, 5, 4, 5, 3, 2, 1, 4},    {18, 34, 3, 3, 48, 3, 3, 1, 1},
      {1, 2, 1, 1, 1, 1, 1, 1, 0},    {2, 3, 8, 8, 5, 1, 1, 3, 1},
      {2, 8, 3, 3, 16, 3, 3, 1, 0},   {2, 4, 2, 3, 4, 5, 5, 1, 2},
      {1, 74, 2, 2, 3, 1, 1, 1, 0},   {16, 8, 4, 4, 8, 3, 3, 1, 1},
  };
}

}  // namespace mvsgd::nn::lanes::testing
