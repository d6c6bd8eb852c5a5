// How Backend refuses shapes that do not fit together, and the extents of a convolution.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "nn/backend.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::nn {

/// Throws std::invalid_argument: "accumulate: a 2x3 b 3x2".
[[noreturn]] inline void refuse(
    const std::string& operation,
    std::initializer_list<std::pair<const char*, const Shape&>> shapes) {
  std::string message = operation + ':';
  for (const auto& [name, shape] : shapes) {
    message += std::string(" ") + name + ' ' + to_string(shape);
  }
  throw std::invalid_argument(message);
}

inline void check_same(const char* operation, const Tensor& a, const Tensor& b) {
  if (a.shape != b.shape) refuse(operation, {{"a", a.shape}, {"b", b.shape}});
}

/// y = x w^T.
void check_linear(const Shape& x, const Shape& w, const Shape& y);

void check_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta);
void check_residual(const Tensor& residual, const Tensor& x);  ///< residual may be an empty tensor
void check_running(const RunningStatistics& running, const Tensor& gamma);

/// Labels are one for each row of the logits, each a class.
void check_labels(const Tensor& logits, std::span<const std::uint8_t> labels);

/// The extents of a convolution.
struct ConvolutionProblem {
  Shape x;
  Shape w;
  Shape y;
  Conv2dOptions options;

  /// Throws std::invalid_argument, naming the shapes, if they give no convolution.
  ConvolutionProblem(const Shape& x_shape, const Shape& w_shape, const Conv2dOptions& options);

  /// "n64c64h32w32o64r3s1p1": r is the kernel ("2x3" if not square), s the stride, p the padding.
  [[nodiscard]] std::string text() const;
};

}  // namespace mvsgd::nn
