// A worker's operators on a CUDA device.
#pragma once

#include <memory>

#include "compress/device/device_operators.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::compress {

/// Throws nn::UnavailableError "no CUDA device: reason" if there is no device, nn::BackendError if
/// the runtime refuses. The operators throw nn::BackendError, too.
[[nodiscard]] std::unique_ptr<DeviceOperators> make_cuda_operators(int device);

/// Shows a plain tensor of the CUDA backend as an array of its device. They share memory: a backend
/// reads what operators write. Throws std::invalid_argument if it is not such a tensor.
[[nodiscard]] DeviceArray cuda_array(const nn::Tensor& x);

}  // namespace mvsgd::compress
