// What a tensor of the lanes backend is in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "nn/backend.hpp"
#include "nn/lanes/activation.hpp"

namespace mvsgd::nn::lanes {

/// A plain tensor, or an Activation of its shape. A flat tensor and its views share the memory.
struct LanesStorage : Storage {
  std::shared_ptr<float> memory;
  std::int64_t offset = 0;  ///< floats
  bool plain = true;
  /// All values are known to be bfloat16's: rounding would change none. Never of a plain tensor,
  /// whose memory others may share.
  bool bf16 = false;

  [[nodiscard]] float* data() const { return memory.get() + offset; }
};

/// What batch_norm_train() saves, by channel.
struct BatchStatistics : Storage {
  explicit BatchStatistics(std::size_t channels)
      : mean(channels), inverse_deviation(channels), scale(channels), shift(channels) {}

  std::vector<float> mean;
  std::vector<float> inverse_deviation;
  std::vector<float> scale;
  std::vector<float> shift;
};

/// Throws std::invalid_argument for another backend's tensor.
[[nodiscard]] inline LanesStorage& storage(const Tensor& x) {
  auto* const found = dynamic_cast<LanesStorage*>(x.storage.get());
  if (found == nullptr) {
    throw std::invalid_argument("lanes: not a tensor of this backend: " + to_string(x.shape));
  }
  return *found;
}

/// Throws std::invalid_argument unless x is plain.
[[nodiscard]] inline float* plain_data(const Tensor& x) {
  const LanesStorage& found = storage(x);
  if (!found.plain) {
    throw std::invalid_argument("lanes: a plain tensor is wanted: " + to_string(x.shape));
  }
  return found.data();
}

/// Floats that x takes in memory, filling included.
[[nodiscard]] inline std::int64_t floats(const Tensor& x) {
  return storage(x).plain ? elements(x.shape) : Activation(x.shape).floats();
}

}  // namespace mvsgd::nn::lanes
