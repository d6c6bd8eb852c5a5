#include "nn/cuda/graphs.hpp"

namespace mvsgd::nn::cuda {
namespace {

const char* name_of(Graph::Pass pass) {
  switch (pass) {
    case Graph::Pass::forward:
      return "conv2d ";
    case Graph::Pass::backward_data:
      return "conv2d_backward_data ";
    case Graph::Pass::backward_weights:
      break;
  }
  return "conv2d_backward_weights ";
}

Shape per_channel(const Shape& x_shape) { return {1, x_shape[1], 1, 1}; }

}  // namespace

Plan plan_convolution(const Target& target, Graph::Pass pass, const ConvolutionProblem& problem,
                      Precision precision) {
  Graph graph(name_of(pass) + problem.text());
  const bool bf16 = precision == Precision::bf16;
  const auto tensor = [&](Id id, const Shape& shape, bool written) {
    if (bf16 && written) return graph.tensor(kInside, shape, Place::inside);
    return graph.tensor(id, shape, Place::memory, bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT);
  };
  const Id result = pass == Graph::Pass::forward         ? kY
                    : pass == Graph::Pass::backward_data ? kX
                                                         : kW;
  const GraphTensor x = tensor(kX, problem.x, result == kX);
  const GraphTensor w = tensor(kW, problem.w, result == kW);
  const GraphTensor y = tensor(kY, problem.y, result == kY);
  graph.convolution(pass, x, w, y, problem.options);
  if (bf16) {
    // No engine turns bfloat16 into float32 unless a conversion at its end stores the result.
    const GraphTensor& inside = result == kY ? y : result == kX ? x : w;
    graph.pointwise(CUDNN_POINTWISE_IDENTITY, inside, graph.tensor(result, inside.shape));
  }
  return graph.compile(target, precision);
}

Plan plan_batch_norm(const Target& target, const Shape& x_shape, BatchNormKind kind) {
  Graph graph(std::string("batch_norm") + (kind.residual ? "+residual" : "") +
              (kind.relu ? "+relu " : " ") + to_string(x_shape));
  const auto channels = [&](Id id) { return graph.tensor(id, per_channel(x_shape)); };
  const auto number = [&](Id id) { return graph.tensor(id, {1, 1, 1, 1}, Place::host); };
  std::int64_t inside = kInside;
  // The result of an operation: y itself for the `last` one, else a value on the way.
  const auto result = [&](bool last) {
    return last ? graph.tensor(kY, x_shape) : graph.tensor(inside++, x_shape, Place::inside);
  };
  GraphTensor y = result(!kind.residual && !kind.relu);
  graph.batch_norm({.x = graph.tensor(kX, x_shape),
                    .y = y,
                    .gamma = channels(kGamma),
                    .beta = channels(kBeta),
                    .mean = channels(kMean),
                    .inverse_deviation = channels(kInverseDeviation),
                    .running_mean = channels(kRunningMean),
                    .running_variance = channels(kRunningVariance),
                    .new_mean = channels(kNewMean),
                    .new_variance = channels(kNewVariance),
                    .epsilon = number(kEpsilon),
                    .momentum = number(kMomentum)});
  if (kind.residual) {
    const GraphTensor sum = result(!kind.relu);
    graph.pointwise(CUDNN_POINTWISE_ADD, y, graph.tensor(kResidual, x_shape), sum);
    y = sum;
  }
  if (kind.relu) graph.pointwise(CUDNN_POINTWISE_RELU_FWD, y, result(true));
  return graph.compile(target, Precision::fp32);
}

Plan plan_batch_norm_backward(const Target& target, const Shape& x_shape) {
  Graph graph("batch_norm_backward " + to_string(x_shape));
  const auto channels = [&](Id id) { return graph.tensor(id, per_channel(x_shape)); };
  graph.batch_norm_backward({.x = graph.tensor(kX, x_shape),
                             .dy = graph.tensor(kDy, x_shape),
                             .gamma = channels(kGamma),
                             .mean = channels(kMean),
                             .inverse_deviation = channels(kInverseDeviation),
                             .dx = graph.tensor(kDx, x_shape),
                             .dgamma = channels(kDgamma),
                             .dbeta = channels(kDbeta)});
  return graph.compile(target, Precision::fp32);
}

}  // namespace mvsgd::nn::cuda
