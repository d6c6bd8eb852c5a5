// The differentiable operations of ResNet-18.
//
//     N images    C input channels    O output channels    H, W height, width    R, S kernel's
//
// Every operation computes its value at once with the tape's backend. If the tape records, it
// leaves a record from which backward() adds to the gradients of its arguments; it never overwrites
// them. Values, formulas and errors are those of the kernel in nn/backend.hpp; here is what is
// differentiated. All throw std::invalid_argument, naming the shapes, if they do not fit, and
// BackendError if the backend's library refuses them.
#pragma once

#include <cstdint>
#include <span>

#include "nn/autograd.hpp"
#include "nn/backend.hpp"

namespace mvsgd::nn {

/// Cross-correlation without bias (in ResNet a batch norm follows every convolution).
///
///   y[n,o,i,j] = sum over c,u,v of x[n, c, i*s + u - p, j*s + v - p] * w[o,c,u,v]
///   with s = stride, p = padding and x zero outside its bounds
///
///   x        [N, C, H, W]
///   w        [O, C, R, S]
///   returns  [N, O, H', W']   H' = floor((H + 2p - R) / s) + 1, W' likewise
///
/// Differentiates: w, and x unless it is a constant. So the first layer computes no gradient of the
/// images. Keeps x.
///
/// Numerics: sums in the backend's own order and precision. Backends agree exactly on small
/// integers, elsewhere within the bound in tests/nn/golden_test.cpp.
[[nodiscard]] Variable conv2d(Tape& tape, const Variable& x, const Parameter& w,
                              const Conv2dOptions& options = {});

/// The statistics with which batch norm normalises.
enum class BatchNormMode : std::uint8_t {
  update,   ///< the batch's, which also update the running statistics: training
  running,  ///< the running statistics
  batch,    ///< the batch's; nothing is updated
};

/// What a batch norm of C channels owns; all are [C] and plain.
struct BatchNorm {
  Parameter gamma;
  Parameter beta;
  RunningStatistics running;
};

/// y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, followed by ReLU if options.relu.
///
///   x        [N, C, H, W]
///   returns  the same
///
/// By `mode`, mean and (biased) variance are those over N, H, W or the running ones.
/// BatchNormMode::update also moves the running statistics by options.momentum, the variance
/// towards the batch's unbiased one. It throws std::invalid_argument if there is one element a
/// channel, whose unbiased variance does not exist.
///
/// Differentiates: x (through the statistics too), gamma and beta. Keeps x and the result. Running
/// statistics cannot be differentiated: throws std::logic_error if mode is BatchNormMode::running
/// and the tape records.
[[nodiscard]] Variable batch_norm(Tape& tape, const Variable& x, const BatchNorm& norm,
                                  BatchNormMode mode, const BatchNormOptions& options = {});

/// batch_norm(x) + residual, followed by ReLU if options.relu: the end of a residual block, in the
/// passes of the batch norm. `residual` has x's shape. Differentiates the residual, too; keeps x
/// and the result.
[[nodiscard]] Variable batch_norm(Tape& tape, const Variable& x, const Variable& residual,
                                  const BatchNorm& norm, BatchNormMode mode,
                                  const BatchNormOptions& options = {});

/// The mean over H and W. x [N, C, H, W], returns [N, C]. Differentiates: x.
[[nodiscard]] Variable global_average_pool(Tape& tape, const Variable& x);

/// y = x w^T + b. x [N, C], w [O, C], b [O], returns [N, O]. Differentiates: x, w and b. Keeps x.
[[nodiscard]] Variable linear(Tape& tape, const Variable& x, const Parameter& w,
                              const Parameter& b);

/// A loss at the end of a tape.
struct Loss {
  double value = 0;          ///< mean over the batch, natural logarithm
  std::int64_t correct = 0;  ///< images whose largest logit (the first of equals) is the label's
  Variable logits;
  Tensor dlogits;  ///< [N, classes], the gradient of value
};

/// Mean negative log-likelihood of softmax(logits).
///
///   logits   [N, classes]
///   labels   [N], each below classes
///
/// Differentiates: logits, by the closed form (softmax - one-hot) / N. Numerics: the largest logit
/// is subtracted first, so finite logits give a finite loss.
[[nodiscard]] Loss softmax_cross_entropy(Tape& tape, const Variable& logits,
                                         std::span<const std::uint8_t> labels);

/// Adds the gradient of the loss to every parameter and leaf that it depends on. Throws
/// std::logic_error as Tape::backward() does.
void backward(Tape& tape, const Loss& loss);

}  // namespace mvsgd::nn
