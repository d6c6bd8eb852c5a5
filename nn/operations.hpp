// The differentiable operations of ResNet-18.
//
//     N images    C input channels    O output channels    H, W height, width    R, S kernel's
//
// Every one computes its value with the tape's backend at once and, if the tape records, leaves a
// record from which backward() adds to the gradients of its arguments; gradients are added to,
// never overwritten. Values, formulas and errors are those of the kernel in nn/backend.hpp, so here
// stands what is differentiated. All throw std::invalid_argument naming the shapes if they do not
// fit, and BackendError if the backend's library refuses them.
#pragma once

#include <cstdint>
#include <span>

#include "nn/autograd.hpp"
#include "nn/backend.hpp"

namespace mvsgd::nn {

/// Cross-correlation without bias (in ResNet a batch norm follows every one).
///
///   y[n,o,i,j] = sum over c,u,v of x[n, c, i*s + u - p, j*s + v - p] * w[o,c,u,v]
///   with s = stride, p = padding and x zero outside its bounds
///
///   x        [N, C, H, W]
///   w        [O, C, R, S]
///   returns  [N, O, H', W']   H' = floor((H + 2p - R) / s) + 1, W' likewise
///
/// Differentiates: w, and x unless it is a constant: the first layer computes no gradient of the
/// images. Keeps x.
///
/// Numerics: sums in the backend's own order and precision. Backends agree exactly on small
/// integers, elsewhere within the bound in tests/nn/golden_test.cpp.
[[nodiscard]] Variable conv2d(Tape& tape, const Variable& x, const Parameter& w,
                              const Conv2dOptions& options = {});

/// Which statistics batch norm normalises with.
enum class BatchNormMode : std::uint8_t {
  update,   ///< the batch's, and the running statistics take them in: training
  running,  ///< the running statistics
  batch,    ///< the batch's, nothing is updated
};

/// What a batch norm of C channels owns; all [C] and plain.
struct BatchNorm {
  Parameter gamma;
  Parameter beta;
  RunningStatistics running;
};

/// y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, with ReLU over it if options.relu.
///
///   x        [N, C, H, W]
///   returns  the same
///
/// Mean and (biased) variance are over N, H, W or the running ones, by `mode`.
/// BatchNormMode::update also moves the running statistics by options.momentum, the variance
/// towards the batch's unbiased one, and throws std::invalid_argument if there is one element a
/// channel, which has none.
///
/// Differentiates: x (through the statistics too), gamma and beta. Keeps x and the result. Not with
/// the running statistics: throws std::logic_error if mode is BatchNormMode::running and the tape
/// records.
[[nodiscard]] Variable batch_norm(Tape& tape, const Variable& x, const BatchNorm& norm,
                                  BatchNormMode mode, const BatchNormOptions& options = {});

/// batch_norm(x) + residual, of x's shape, with ReLU over the sum if options.relu: the end of a
/// residual block in the passes of the batch norm. Differentiates the residual, too; keeps x and
/// the result.
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
