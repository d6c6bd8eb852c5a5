// What a network's steps take of memory, known before any of them is computed: the same calls in
// the same order on a backend that holds no numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "nn/kernel_types.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::nn {

struct ConvolutionProblem;  // nn/shape_checks.hpp

/// Of a convolution.
enum class Pass : std::uint8_t { forward, backward_data, backward_weights };

/// What a backend on the processor takes, kernel by kernel.
struct KernelMemory {
  /// Buffers come from a BufferPool, where they stay; else each is freed when it is let go of.
  bool pooled = false;
  /// Batch norm's gradients stand where its arguments did, if nobody else holds these.
  bool in_place = false;
  /// Floats of an activation [N, C, H, W], which a convolution also makes of plain images; empty:
  /// activations are plain.
  std::function<std::int64_t(const Shape&)> activation = {};
  /// Floats of each buffer that a pass holds at once beside what it is given and what it returns.
  std::function<std::vector<std::int64_t>(Pass, const ConvolutionProblem&)> scratch;
  /// Floats that it keeps from the first step on, beside tensors, of so many parameters.
  std::function<std::int64_t(std::int64_t parameters)> kept = {};
};

/// The bytes that a ResNet-18 of this width holds at most on such a backend, in training steps of
/// `batch` images (0: it is not trained) and evaluations of each of `evaluated`: parameters,
/// gradients and batch-norm buffers, activations, scratch; in whole pages where they are as large.
///
/// Cost: milliseconds.
[[nodiscard]] std::size_t step_memory(const KernelMemory& kernels, std::int64_t width,
                                      std::int64_t batch, std::span<const std::int64_t> evaluated);

}  // namespace mvsgd::nn
