// Turns the CUDA runtime's refusals into BackendError, for sources of both languages.
#pragma once

#include <cuda_runtime_api.h>

namespace mvsgd::nn::cuda {

/// Throws BackendError "operation: CUDA: reason" unless status is cudaSuccess.
void check(cudaError_t status, const char* operation);

}  // namespace mvsgd::nn::cuda
