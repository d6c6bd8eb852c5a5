// The shape of most kernels: one function of an index. For .cu files.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>

#include "nn/cuda/launch.cuh"

namespace mvsgd::nn::cuda {

constexpr unsigned kThreads = 256;  ///< of a block, unless a kernel asks for another number
/// Enough blocks for the largest devices. With more indices than threads, each thread takes
/// several.
constexpr std::int64_t kMostBlocks = 2048;

[[nodiscard]] inline unsigned blocks_for(std::int64_t count) {
  return static_cast<unsigned>(std::min(kMostBlocks, (count + kThreads - 1) / kThreads));
}

template <typename F>
__global__ void for_each_kernel(std::int64_t count, F f) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    f(i);
  }
}

/// f(i) for 0 <= i < count, in no order; f is a __device__ lambda.
template <typename F>
void for_each(std::int64_t count, cudaStream_t stream, F f) {
  if (count > 0) launch(for_each_kernel<F>, blocks_for(count), kThreads, stream, count, f);
}

}  // namespace mvsgd::nn::cuda
