#include "nn/onednn/convolution.hpp"

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
