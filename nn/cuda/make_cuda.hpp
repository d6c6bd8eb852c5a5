// The CUDA backend: cuDNN's graphs, cuBLAS and own kernels, NHWC from the first convolution to the
// pool.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/backend_entry.hpp"

namespace mvsgd::nn {

struct CudaOptions {
  Precision precision = Precision::fp32;  ///< fp32 also excludes Winograd and Fourier transforms
  int device = 0;                         ///< 0 to cuda_devices() - 1
  /// A training step is one CUDA graph, if it can be recorded.
  bool step_graph = false;
};

/// A backend on a CUDA device, with deterministic engines alone. Throws UnavailableError "no CUDA
/// device: reason" if there is no device, std::invalid_argument if the one asked for is not among
/// them, BackendError if a library refuses.
[[nodiscard]] std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options = {});

/// "conv2d n64c64h32w32o64r3s1p1: engine 1, workspace 0" for each graph of a training step of the
/// ResNet-18 of this width, sorted; with step_graph also whether the step could be recorded. Takes
/// one or two such steps, so the list is what a run will do. Throws as make_cuda_backend() does.
[[nodiscard]] std::vector<std::string> cuda_engines(const CudaOptions& options, std::int64_t width,
                                                    std::int64_t batch);

/// The number of devices. Throws UnavailableError as make_cuda_backend() does.
[[nodiscard]] int cuda_devices();

/// The entry has every precision, and one way to choose an algorithm.
[[nodiscard]] BackendEntry cuda_entry();

}  // namespace mvsgd::nn
