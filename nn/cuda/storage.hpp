// What a tensor of the CUDA backend is in memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>

#include "nn/backend.hpp"
#include "nn/cuda/runtime.hpp"

namespace mvsgd::nn::cuda {

/// Channels stand in whole groups of this many, the last one padded with zeros, since cuDNN's batch
/// norm refuses other counts. bfloat16 needs 8 for tensor cores.
constexpr std::int64_t kChannelGroup = 8;

[[nodiscard]] constexpr std::int64_t padded(std::int64_t channels) {
  return (channels + kChannelGroup - 1) / kChannelGroup * kChannelGroup;
}

/// Memory that a flat tensor and its views share.
struct Allocation {
  /// Weights in a convolution's layout, copied from the plain ones when the allocation was at
  /// `version`. A recorded step packs them in every launch, always into the same memory.
  struct Packed {
    Shape shape;
    std::uint64_t version = 0;
    const void* recorded_for = nullptr;  ///< the last recording that packs them
    std::shared_ptr<DeviceBuffer> data;
    std::shared_ptr<DeviceBuffer> rounded;  ///< in bfloat16; null in other precisions
  };

  std::shared_ptr<DeviceBuffer> data;
  std::uint64_t version = 1;              ///< goes up whenever elements may change
  std::map<std::int64_t, Packed> packed;  ///< by offset
};

struct CudaStorage : Storage {
  std::shared_ptr<Allocation> allocation;
  std::int64_t offset = 0;  ///< floats
  bool nhwc = false;        ///< [N, H, W, padded C]; plain if not

  [[nodiscard]] float* data() const { return allocation->data->as<float>() + offset; }
};

/// What batch_norm_train() saves: the mean and 1 / deviation of each padded channel.
struct BatchStatistics : Storage {
  BatchStatistics(const std::shared_ptr<const Stream>& stream, std::int64_t channels)
      : mean(stream, static_cast<std::size_t>(channels) * sizeof(float)),
        inverse_deviation(stream, static_cast<std::size_t>(channels) * sizeof(float)) {}

  DeviceBuffer mean;
  DeviceBuffer inverse_deviation;
};

/// Throws std::invalid_argument for another backend's tensor.
[[nodiscard]] inline CudaStorage& storage(const Tensor& x) {
  auto* const found = dynamic_cast<CudaStorage*>(x.storage.get());
  if (found == nullptr) {
    throw std::invalid_argument("cuda: not a tensor of this backend: " + to_string(x.shape));
  }
  return *found;
}

/// Throws std::invalid_argument unless x is plain.
[[nodiscard]] inline const float* plain_data(const Tensor& x) {
  const CudaStorage& found = storage(x);
  if (found.nhwc) {
    throw std::invalid_argument("cuda: a plain tensor is wanted: " + to_string(x.shape));
  }
  return found.data();
}

/// The elements of the plain x for a caller that changes them: weights packed from x are then out
/// of date. Throws std::invalid_argument unless x is plain.
[[nodiscard]] inline float* writable_data(const Tensor& x) {
  static_cast<void>(plain_data(x));
  ++storage(x).allocation->version;
  return storage(x).data();
}

/// Floats that x takes in memory, padding included.
[[nodiscard]] inline std::int64_t floats(const Tensor& x) {
  if (!storage(x).nhwc) return elements(x.shape);
  return x.shape[0] * padded(x.shape[1]) * x.shape[2] * x.shape[3];
}

}  // namespace mvsgd::nn::cuda
