// What kernels take and return beside tensors (nn/backend.hpp).
#pragma once

#include <cstdint>
#include <memory>

#include "nn/tensor.hpp"

namespace mvsgd::nn {

/// Whether a result replaces what is there or is added to it.
enum class Into : std::uint8_t { overwrite, add };

struct Conv2dOptions {
  std::int64_t stride = 1;
  std::int64_t padding = 0;  ///< zeros on each side of H and of W

  friend bool operator==(const Conv2dOptions&, const Conv2dOptions&) = default;
};

/// SGD with momentum, without dampening (Backend::momentum_step()).
struct MomentumOptions {
  float learning_rate = 0;
  float weight_decay = 0;
  float momentum = 0;
  bool nesterov = false;
};

struct BatchNormOptions {
  float epsilon = 1e-5F;
  float momentum = 0.1F;  ///< share of the new batch in the running statistics
  bool relu = false;      ///< max(0, .) of the result and residual, in the same pass
};

/// Running statistics of one batch norm, each [C] and plain.
struct RunningStatistics {
  Tensor mean;
  Tensor variance;
};

/// What batch_norm_train leaves for its backward pass.
struct BatchNormForward {
  Tensor y;                        ///< [N, C, H, W]
  std::shared_ptr<Storage> saved;  ///< batch statistics
  bool residual = false;           ///< one was added
};

struct BatchNormGradients {
  Tensor dx;
  Tensor dresidual;  ///< empty if there was no residual
};

struct CrossEntropy {
  double loss = 0;           ///< mean over the batch, natural logarithm
  std::int64_t correct = 0;  ///< images whose largest logit (the first of equals) is the label's
  Tensor dlogits;            ///< [N, classes], the gradient of loss
};

}  // namespace mvsgd::nn
