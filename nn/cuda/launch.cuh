// How kernels are started. For .cu files.
#pragma once

#include <cuda_runtime_api.h>

#include "nn/cuda/check.hpp"

namespace mvsgd::nn::cuda {

/// The one place where a kernel starts. Throws BackendError if it cannot.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, cudaStream_t stream,
            Arguments... arguments) {
  kernel<<<blocks, threads, 0, stream>>>(arguments...);
  check(cudaGetLastError(), "kernel launch");
}

}  // namespace mvsgd::nn::cuda
