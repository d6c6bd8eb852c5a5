// The CUDA backend: cuDNN's graphs, cuBLAS and own kernels, NHWC from the first convolution to the
// pool.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "nn/backend.hpp"

namespace mvsgd::nn {

/// How convolutions and the linear layer multiply. Sums are float32, and everything else is,
/// always.
enum class CudaPrecision : std::uint8_t {
  fp32,  ///< as written: no tensor cores, no Winograd, no Fourier transform
  tf32,  ///< factors rounded to 10 bits by tensor cores
  bf16,  ///< arguments of convolutions rounded to bfloat16
};

struct CudaOptions {
  CudaPrecision precision = CudaPrecision::fp32;
};

/// On the first CUDA device, with deterministic engines alone. Throws UnavailableError "no CUDA
/// device: reason" where there is none, BackendError if a library refuses.
[[nodiscard]] std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options = {});

/// "NVIDIA H100 (sm_90)", or "no CUDA device: reason".
[[nodiscard]] std::string cuda_device();

}  // namespace mvsgd::nn
