#include "nn/shape_checks.hpp"

#include <algorithm>

namespace mvsgd::nn {

void check_linear(const Shape& x, const Shape& w, const Shape& y) {
  if (x.size() != 2 || w.size() != 2 || y != Shape{x[0], w[0]} || x[1] != w[1]) {
    refuse("linear", {{"x", x}, {"w", w}, {"y", y}});
  }
}

void check_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
  if (x.shape.size() != 4 || elements(x.shape) < 1 || gamma.shape != Shape{x.shape[1]} ||
      beta.shape != gamma.shape) {
    refuse("batch_norm", {{"x", x.shape}, {"gamma", gamma.shape}, {"beta", beta.shape}});
  }
}

void check_residual(const Tensor& residual, const Tensor& x) {
  if (residual) check_same("batch_norm", residual, x);
}

void check_running(const RunningStatistics& running, const Tensor& gamma) {
  if (running.mean.shape != gamma.shape || running.variance.shape != gamma.shape) {
    refuse("batch_norm", {{"gamma", gamma.shape},
                          {"running mean", running.mean.shape},
                          {"running variance", running.variance.shape}});
  }
}

void check_labels(const Tensor& logits, std::span<const std::uint8_t> labels) {
  if (logits.shape.size() != 2 || logits.shape[0] < 1 ||
      logits.shape[0] != static_cast<std::int64_t>(labels.size())) {
    refuse("softmax_cross_entropy of " + std::to_string(labels.size()) + " labels",
           {{"logits", logits.shape}});
  }
  const auto classes = static_cast<std::size_t>(logits.shape[1]);
  for (const std::uint8_t label : labels) {
    if (label >= classes) {
      refuse("softmax_cross_entropy: label " + std::to_string(label), {{"logits", logits.shape}});
    }
  }
}

ConvolutionProblem::ConvolutionProblem(const Shape& x_shape, const Shape& w_shape,
                                       const Conv2dOptions& conv_options)
    : x(x_shape), w(w_shape), options(conv_options) {
  const auto [stride, padding] = options;
  const auto empty = [](std::int64_t extent) { return extent < 1; };
  if (x.size() != 4 || w.size() != 4 || std::any_of(x.begin(), x.end(), empty) ||
      std::any_of(w.begin(), w.end(), empty) || x[1] != w[1] || stride < 1 || padding < 0 ||
      x[2] + 2 * padding < w[2] || x[3] + 2 * padding < w[3]) {
    throw std::invalid_argument("conv2d stride " + std::to_string(stride) + " padding " +
                                std::to_string(padding) + ": x " + to_string(x) + " w " +
                                to_string(w));
  }
  y = {x[0], w[0], (x[2] + 2 * padding - w[2]) / stride + 1,
       (x[3] + 2 * padding - w[3]) / stride + 1};
}

std::string ConvolutionProblem::text() const {
  const auto letter = [](char name, std::int64_t extent) { return name + std::to_string(extent); };
  std::string kernel = letter('r', w[2]);
  if (w[3] != w[2]) kernel += 'x' + std::to_string(w[3]);
  return letter('n', x[0]) + letter('c', x[1]) + letter('h', x[2]) + letter('w', x[3]) +
         letter('o', w[0]) + kernel + letter('s', options.stride) + letter('p', options.padding);
}

}  // namespace mvsgd::nn
