// A worker's operators on a CUDA device.
#pragma once

#include <memory>

#include "compress/device/device_operators.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::compress {

/// Throws nn::UnavailableError "no CUDA device: reason" where there is none, nn::BackendError if
/// the runtime refuses; operators throw nn::BackendError, too.
[[nodiscard]] std::unique_ptr<DeviceOperators> make_cuda_operators(int device);

/// A plain tensor of the CUDA backend as an array of its device, with which it shares its memory: a
/// backend reads what operators write to it. Throws std::invalid_argument if it is none.
[[nodiscard]] DeviceArray cuda_array(const nn::Tensor& x);

}  // namespace mvsgd::compress
