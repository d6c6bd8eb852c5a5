// Convolutions of bfloat16 arguments, summed in float32, with images in the lanes of tiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "nn/kernel_types.hpp"
#include "nn/lanes/bf16_bands.hpp"
#include "nn/lanes/convolution_shape.hpp"

namespace mvsgd::nn::lanes {

/// What multiplies tiles. All give the same bits, except for which NaN results where several meet.
enum class Bf16Engine : std::uint8_t {
  amx,    ///< the processor's tile unit
  fma,    ///< fused multiply-adds: AVX-512 or AVX2
  model,  ///< plain C++, slow
};

[[nodiscard]] std::string_view name(Bf16Engine engine);

/// Why the engine cannot be used here; "" if it can. For amx, asks Linux for its permission.
[[nodiscard]] std::string objection(Bf16Engine engine);

/// The first engine of the list above that can be used here.
[[nodiscard]] Bf16Engine fastest_bf16_engine();

/// Calls the body for 0 to count - 1, in any order and from any threads, and returns when all are
/// done.
using ParallelLoop =
    std::function<void(std::int64_t count, const std::function<void(std::int64_t index)>& body)>;

/// Aligned bytes that grow on demand. Growing does not keep their values.
class TileBuffer {
 public:
  /// Throws std::bad_alloc.
  std::byte* take(std::int64_t bytes);
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* data) const { ::operator delete (data, std::align_val_t{64}); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::int64_t bytes_ = 0;
};

/// A tensor in lanes, of float32, or of bfloat16 in the same order. A producer whose tensor only
/// convolutions read may round it itself, by nearest_bf16(), and halve the bytes read; results are
/// the same.
class LanesView {
 public:
  LanesView(const float* data) : floats_(data) {}
  LanesView(const std::uint16_t* data) : halves_(data) {}

  /// Calls f with a pointer to the element at `offset`, of the type that the tensor has.
  template <typename F>
  void at(std::int64_t offset, const F& f) const {
    if (floats_ != nullptr) {
      f(floats_ + offset);
    } else {
      f(halves_ + offset);
    }
  }

 private:
  const float* floats_ = nullptr;
  const std::uint16_t* halves_ = nullptr;
};

/// Convolutions without bias. Memory for packed arguments is kept from call to call.
///
/// x [N,C,H,W], y [N,O,H',W'] and their gradients are in lanes (activation.hpp), with zeros in
/// lanes past N. Weights are plain, [O,C,R,S]. Buffers in lanes should be aligned to 64 bytes: if a
/// row of 16 crosses a cache line, tiles are stored at half the speed.
///
/// Arguments are rounded by nearest_bf16(). The shape alone decides how sums are cut and ordered
/// (bf16_plan.hpp), so neither threads nor engine change a bit. Columns outside the image, and
/// images past N, are zeros that are multiplied: an infinite weight makes NaN of them.
///
/// One thread at a time may call; a call computes with the threads of `in_parallel`. All throw
/// std::invalid_argument as check_convolution() does.
class Bf16Convolutions {
 public:
  /// Throws UnavailableError, with the reason, if there is an objection to the engine.
  Bf16Convolutions(Bf16Engine engine, ParallelLoop in_parallel);
  /// For tests: with tile functions other than an engine's.
  Bf16Convolutions(TileFunctions functions, ParallelLoop in_parallel);

  void forward(const ConvolutionShape& shape, LanesView x, const float* w, float* y);
  void backward_data(const ConvolutionShape& shape, LanesView dy, const float* w, float* dx);
  void backward_weights(const ConvolutionShape& shape, LanesView x, LanesView dy, float* dw,
                        Into into);

  /// The memory kept: a band of packed arguments, weights, sums. Images past a band take no more.
  [[nodiscard]] std::int64_t bytes() const {
    return lefts_.bytes() + rights_.bytes() + sums_.bytes();
  }

 private:
  void run(const Gather& gather, LanesView source, const float* w, float* result);
  void pack(const GatherBand& band, LanesView source, std::byte* to);
  void pack(const WeightBand& band, std::int64_t first_block, LanesView x, LanesView dy,
            std::byte* images, std::byte* results);
  // f(first, last) for shares of `count` units, each of at least a few hundred products.
  void share(std::int64_t count, std::int64_t products_of_unit,
             const std::function<void(std::int64_t, std::int64_t)>& f);

  TileFunctions functions_;
  ParallelLoop in_parallel_;
  TileBuffer lefts_;
  TileBuffer rights_;
  TileBuffer sums_;
};

}  // namespace mvsgd::nn::lanes
