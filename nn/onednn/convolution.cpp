#include "nn/onednn/convolution.hpp"

#include <algorithm>
#include <stdexcept>

namespace mvsgd::nn {
namespace {

dnnl::algorithm kind(Algorithm algorithm) {
  return algorithm == Algorithm::winograd ? dnnl::algorithm::convolution_winograd
                                          : dnnl::algorithm::convolution_direct;
}

using Type = dnnl::memory::data_type;

dnnl::memory::desc any_layout(const Shape& shape, Type type) {
  return {shape, type, dnnl::memory::format_tag::any};
}

}  // namespace

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

Convolution::Open::Open(const Shape& shape, bool bf16)
    : argument(any_layout(shape, bf16 ? Type::bf16 : Type::f32)),
      result(any_layout(shape, Type::f32)) {}

Convolution::Convolution(const ConvolutionProblem& problem, const OneDnnOptions& options)
    : x_(problem.x, options.bf16),
      w_(problem.w, options.bf16),
      y_(problem.y, options.bf16),
      strides_(2, problem.options.stride),
      padding_(2, problem.options.padding) {
  if (!options.bf16) algorithms_ = choose(options.convolution, problem);
}

dnnl::convolution_forward::primitive_desc Convolution::descriptor(const Library& library,
                                                                  dnnl::algorithm algorithm,
                                                                  const Desc& y) const {
  return library.describe<Forward>(dnnl::prop_kind::forward_training, algorithm, x_.argument,
                                   w_.argument, y, strides_, padding_, padding_);
}

const ConvolutionPass& Convolution::forward(const Library& library) {
  if (!forward_) {
    const auto chosen = descriptor(library, kind(algorithms_.forward), y_.result);
    forward_ = {.executable = library.compile<Forward>(chosen),
                .x = chosen.src_desc(),
                .w = chosen.weights_desc(),
                .y = chosen.dst_desc()};
  }
  return *forward_;
}

const ConvolutionPass& Convolution::backward_data(const Library& library) {
  if (!backward_data_) {
    using Backward = dnnl::convolution_backward_data;
    const dnnl::algorithm algorithm = kind(algorithms_.backward_data);
    const auto chosen = library.describe_backward<Backward>(
        descriptor(library, algorithm, y_.argument), algorithm, x_.result, w_.argument, y_.argument,
        strides_, padding_, padding_);
    backward_data_ = {.executable = library.compile<Backward>(chosen),
                      .x = chosen.diff_src_desc(),
                      .w = chosen.weights_desc(),
                      .y = chosen.diff_dst_desc()};
  }
  return *backward_data_;
}

const ConvolutionPass& Convolution::backward_weights(const Library& library) {
  if (!backward_weights_) {
    using Backward = dnnl::convolution_backward_weights;
    const dnnl::algorithm algorithm = kind(algorithms_.backward_weights);
    const auto chosen = library.describe_backward<Backward>(
        descriptor(library, algorithm, y_.argument), algorithm, x_.argument, w_.result, y_.argument,
        strides_, padding_, padding_);
    backward_weights_ = {.executable = library.compile<Backward>(chosen),
                         .x = chosen.src_desc(),
                         .w = chosen.diff_weights_desc(),
                         .y = chosen.diff_dst_desc()};
  }
  return *backward_weights_;
}

}  // namespace mvsgd::nn
