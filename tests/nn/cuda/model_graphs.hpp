// Every graph that ResNet-18 asks cuDNN for, as functions that plan it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "nn/cuda/graphs.hpp"
#include "nn/cuda/storage.hpp"

namespace mvsgd::nn::cuda::testing {

using ModelGraph = std::function<Plan(const Target&)>;

/// The graphs of a training step at this width and batch. tests/nn/cuda/emulated_test.cpp compares
/// the list with the plans of a real step.
inline std::vector<ModelGraph> model_graphs(std::int64_t width, std::int64_t batch,
                                            Precision precision) {
  std::vector<ModelGraph> graphs;
  const auto convolution = [&](std::int64_t inputs, std::int64_t outputs, std::int64_t side,
                               std::int64_t kernel, std::int64_t stride) {
    const ConvolutionProblem problem({batch, padded(inputs), side, side},
                                     {padded(outputs), padded(inputs), kernel, kernel},
                                     {.stride = stride, .padding = kernel / 2});
    for (const auto pass :
         {Graph::Pass::forward, Graph::Pass::backward_data, Graph::Pass::backward_weights}) {
      const bool of_images = inputs == 3 && pass == Graph::Pass::backward_data;
      if (of_images) continue;  // no gradient of the images
      graphs.push_back(
          [=](const Target& target) { return plan_convolution(target, pass, problem, precision); });
    }
  };
  const auto norm = [&](std::int64_t channels, std::int64_t side, bool shortcut) {
    const Shape shape{batch, padded(channels), side, side};
    const auto forward = [&](BatchNormKind kind) {
      graphs.push_back([=](const Target& target) { return plan_batch_norm(target, shape, kind); });
    };
    if (shortcut) forward({});
    forward({.relu = true});
    forward({.residual = true, .relu = true});
    graphs.push_back([=](const Target& target) { return plan_batch_norm_backward(target, shape); });
  };
  convolution(3, width, 32, 3, 1);
  std::int64_t side = 32;
  std::int64_t inputs = width;
  for (std::int64_t stage = 0; stage < 4; ++stage) {
    const std::int64_t outputs = width << stage;
    if (stage > 0) {
      convolution(inputs, outputs, side, 3, 2);
      convolution(inputs, outputs, side, 1, 2);
      side /= 2;
    }
    convolution(outputs, outputs, side, 3, 1);
    norm(outputs, side, stage > 0);
    inputs = outputs;
  }
  return graphs;
}

}  // namespace mvsgd::nn::cuda::testing
