#include "nn/lanes/memory.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "nn/lanes/activation.hpp"
#include "nn/lanes/convolution.hpp"
#include "nn/lanes/loops.hpp"
#include "nn/lanes/winograd_shape.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn::lanes {
namespace {

using Floats = std::vector<std::int64_t>;

// What convolution.cpp takes from the pool; tests/nn/step_memory_test.cpp holds the two against
// each other.

/// Of the images' side `from` into the side `to`.
Floats over(const Loops& loops, bool winograd, std::int64_t taps, std::int64_t threads,
            const Activation& from, const Activation& to) {
  const std::int64_t outside = from.pixel_stride();
  if (!winograd) {
    return {loops.packed_floats({.outputs = to.channels, .terms = taps, .inputs = from.channels}),
            outside};
  }
  const std::int64_t tiles = to.blocks() * tiles_of(to);
  const std::int64_t most = (tiles + threads - 1) / threads;
  const bool by_outputs = threads == 1 && loops.winograd_at_once(from.channels, to.channels, tiles);
  const std::int64_t packed =
      by_outputs ? std::min(channels_at_once(from.channels), to.channels) : to.channels;
  return {loops.winograd_packed_floats(packed, from.channels),
          loops.winograd_scratch(from.channels, to.channels, most) * threads, outside};
}

Floats over_weights(bool winograd, std::int64_t taps, std::int64_t threads, const Activation& x,
                    const Activation& y) {
  if (!winograd) {
    if (has_few_channels(x, y)) {
      return {y.width * kLanes * padded(y.channels) * threads,
              taps * x.channels * padded(y.channels)};
    }
    const std::int64_t all = padded(x.channels);
    return {x.plane() * kLanes * all, taps * y.channels * all};
  }
  const std::int64_t tiles = y.blocks() * tiles_of(y);
  const std::int64_t chunk = chunk_of(x.channels, y.channels, tiles);
  const std::int64_t some = std::min(channels_at_once(padded(y.channels)), x.channels);
  const std::int64_t sums = chunk == tiles ? threads * kPlaces * sum_stride(some, y.channels)
                                           : kPlaces * sum_stride(x.channels, y.channels);
  return {kPlaces * place_stride(chunk, x.channels),
          kPlaces * place_stride(chunk, padded(y.channels)),
          std::max(x.pixel_stride(), y.pixel_stride()), sums};
}

}  // namespace

KernelMemory kernel_memory(const LanesOptions& options, int threads) {
  const auto scratch = [options, threads, &loops = loops(options.isa)](
                           Pass pass, const ConvolutionProblem& problem) {
    const Activation x(problem.x);
    const Activation y(problem.y);
    const std::int64_t taps = problem.w[2] * problem.w[3];
    const bool by_tiles = options.bf16 && options.convolution != ConvolutionChoice::winograd;
    const bool winograd = !by_tiles && is_winograd(options.convolution, problem);
    if (pass == Pass::forward) return over(loops, winograd, taps, threads, x, y);
    if (pass == Pass::backward_data) return over(loops, winograd, taps, threads, y, x);
    return over_weights(winograd, taps, threads, x, y);
  };
  return {.pooled = true,
          .in_place = true,
          .activation = [](const Shape& shape) { return Activation(shape).floats(); },
          .scratch = scratch};
}

}  // namespace mvsgd::nn::lanes
