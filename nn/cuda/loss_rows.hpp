// The loss of a batch on a CUDA device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "nn/cuda/runtime.hpp"
#include "nn/repeated_step.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::nn::cuda {

/// What softmax_cross_entropy() reads and writes for each row.
class LossRows {
 public:
  LossRows(const std::shared_ptr<const Stream>& stream, std::size_t rows);

  void write(std::span<const std::uint8_t> labels) const;
  void compute(const Tensor& logits, const Tensor& dlogits) const;
  /// Waits for the loss.
  [[nodiscard]] BatchResult read() const;

 private:
  std::size_t rows_;
  DeviceBuffer labels_;
  DeviceBuffer loss_;
  DeviceBuffer correct_;
};

}  // namespace mvsgd::nn::cuda
