// The oneDNN primitives of one convolution problem, made when first needed.
#pragma once

#include <dnnl.hpp>
#include <optional>
#include <string>

#include "nn/onednn/library.hpp"

namespace mvsgd::nn {

/// The extents of a convolution.
struct ConvolutionProblem {
  Shape x;
  Shape w;
  Shape y;
  Conv2dOptions options;

  /// Throws std::invalid_argument, naming the shapes, if there is no such convolution.
  ConvolutionProblem(const Shape& x_shape, const Shape& w_shape, const Conv2dOptions& options);

  /// "n64c64h32w32o64r3s1p1": r is the kernel ("2x3" if not square), s the stride, p the padding.
  [[nodiscard]] std::string text() const;
};

/// One of the three passes and the layouts in which it takes or leaves x, w, y or their gradients.
struct ConvolutionPass {
  Executable executable;
  dnnl::memory::desc x;
  dnnl::memory::desc w;
  dnnl::memory::desc y;
};

/// Layouts are the library's choice (format_tag::any), the algorithm is not: direct, never "auto",
/// which would depend on the machine. Throws dnnl::error.
class Convolution {
 public:
  explicit Convolution(const ConvolutionProblem& problem);

  [[nodiscard]] const ConvolutionPass& forward(const Library& library);
  [[nodiscard]] const ConvolutionPass& backward_data(const Library& library);
  [[nodiscard]] const ConvolutionPass& backward_weights(const Library& library);

 private:
  using Forward = dnnl::convolution_forward;

  // As oneDNN takes them: extents with layouts left open, one entry a spatial dimension.
  dnnl::memory::desc x_;
  dnnl::memory::desc w_;
  dnnl::memory::desc y_;
  dnnl::memory::dims strides_;
  dnnl::memory::dims padding_;
  std::optional<Forward::primitive_desc> descriptor_;
  std::optional<ConvolutionPass> forward_;
  std::optional<ConvolutionPass> backward_data_;
  std::optional<ConvolutionPass> backward_weights_;

  [[nodiscard]] const Forward::primitive_desc& descriptor(const Library& library);
};

}  // namespace mvsgd::nn
