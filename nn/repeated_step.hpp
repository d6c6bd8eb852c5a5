// A training step that is asked for again and again, so that a backend may keep what it was asked
// for.
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

/// Made by a backend (Backend::repeated_step()), one a network. One thread at a time.
class RepeatedStep {
 public:
  /// Asks the backend for kernels: the same ones for images of the same shape, one
  /// softmax_cross_entropy() among them, whose loss it returns. Of tensors it uses the images and
  /// such as live as long as the network; all that it makes it has given back when it returns.
  using Step =
      std::function<BatchResult(const Tensor& images, std::span<const std::uint8_t> labels)>;

  RepeatedStep() = default;
  virtual ~RepeatedStep() = default;
  RepeatedStep(const RepeatedStep&) = delete;
  RepeatedStep& operator=(const RepeatedStep&) = delete;

  /// What step(images, labels) does and returns, to the bit. Throws what it throws.
  [[nodiscard]] virtual BatchResult run(const Tensor& images, std::span<const std::uint8_t> labels,
                                        const Step& step) = 0;
};

}  // namespace mvsgd::nn
