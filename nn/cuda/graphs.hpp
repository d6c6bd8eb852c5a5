// The graphs of the network, with the names that their tensors have when a plan is executed.
#pragma once

#include "nn/cuda/graph.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn::cuda {

/// Ids of tensors. dx, dw and dy stand for x, w and y in backward passes of convolutions.
enum Id : std::int64_t {
  kX = 1,
  kW,
  kY,
  kGamma,
  kBeta,
  kMean,
  kInverseDeviation,
  kRunningMean,
  kRunningVariance,
  kNewMean,
  kNewVariance,
  kEpsilon,
  kMomentum,
  kResidual,
  kDy,
  kDx,
  kDgamma,
  kDbeta,
  kInside,  ///< from here on, ids that no binding names
};

/// `problem` counts padded channels. In bf16 the two tensors that the pass reads are bfloat16.
[[nodiscard]] Plan plan_convolution(const Target& target, Graph::Pass pass,
                                    const ConvolutionProblem& problem, Precision precision);

/// Batch norm over a batch, and what else the same pass does.
struct BatchNormKind {
  bool residual = false;
  bool relu = false;
};
/// x_shape counts padded channels.
[[nodiscard]] Plan plan_batch_norm(const Target& target, const Shape& x_shape, BatchNormKind kind);
[[nodiscard]] Plan plan_batch_norm_backward(const Target& target, const Shape& x_shape);

}  // namespace mvsgd::nn::cuda
