// A training step that is asked for again and again, so that a backend may keep it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "nn/tensor.hpp"

namespace mvsgd::nn {

struct BatchResult {
  double loss = 0;  ///< mean cross-entropy over the batch
  std::int64_t correct = 0;
};

/// Made by a backend (Backend::repeated_step()), one a network. Used by one thread at a time.
class RepeatedStep {
 public:
  /// Asks the backend for kernels, the same ones for images of the same shape. One of them is
  /// softmax_cross_entropy(), whose loss it returns. It uses no tensors but the images and those
  /// that live as long as the network, and has given back all that it made when it returns.
  using Step =
      std::function<BatchResult(const Tensor& images, std::span<const std::uint8_t> labels)>;

  RepeatedStep() = default;
  virtual ~RepeatedStep() = default;
  RepeatedStep(const RepeatedStep&) = delete;
  RepeatedStep& operator=(const RepeatedStep&) = delete;

  /// Does and returns what step(images, labels) does, to the bit. Throws what it throws.
  [[nodiscard]] virtual BatchResult run(const Tensor& images, std::span<const std::uint8_t> labels,
                                        const Step& step) = 0;
};

}  // namespace mvsgd::nn
