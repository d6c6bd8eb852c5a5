#include "nn/onednn/convolution.hpp"

#include "nn/onednn/storage.hpp"

namespace mvsgd::nn {
namespace {

using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

constexpr auto kDirect = dnnl::algorithm::convolution_direct;

dnnl::memory::desc any_layout(const Shape& shape, Type type) { return {shape, type, Tag::any}; }

// oneDNN's names for what a pass reads and writes.
struct Names {
  int x;
  int w;
  int y;
};

// `pass` with its layouts and with a primitive that computes it.
template <typename Primitive, typename Descriptor>
ConvolutionPass computed_by(const Library& library, const Descriptor& chosen, const Names& names,
                            ConvolutionPass pass) {
  pass.run = [executable = library.compile<Primitive>(chosen), names, layouts = pass](
                 Library& on, float* x, float* w, float* y) {
    on.execute(executable, {{names.x, on.memory(layouts.x, x)},
                            {names.w, on.memory(layouts.w, w)},
                            {names.y, on.memory(layouts.y, y)}});
  };
  return pass;
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
      padding_(2, problem.options.padding),
      winograd_pass_{.x = layout_of(problem.x, Tag::nChw16c),
                     .w = layout_of(problem.w, Tag::OIhw16i16o),
                     .y = layout_of(problem.y, Tag::nChw16c),
                     .run = {}},
      winograd_{.images = problem.x[0],
                .inputs = problem.w[1],
                .outputs = problem.w[0],
                .height = problem.x[2],
                .width = problem.x[3]} {
  if (!options.bf16) algorithms_ = choose(options.convolution, problem);
}

dnnl::convolution_forward::primitive_desc Convolution::descriptor(const Library& library,
                                                                  const Desc& y) const {
  return library.describe<dnnl::convolution_forward>(dnnl::prop_kind::forward_training, kDirect,
                                                     x_.argument, w_.argument, y, strides_,
                                                     padding_, padding_);
}

const ConvolutionPass& Convolution::forward(const Library& library) {
  if (forward_) return *forward_;
  if (algorithms_.forward == Algorithm::winograd) {
    forward_ = winograd_pass_;
    forward_->run = [by = winograd_](Library& on, const float* x, const float* w, float* y) {
      by.forward(on, x, w, y);
    };
    return *forward_;
  }
  const auto chosen = descriptor(library, y_.result);
  forward_ = computed_by<dnnl::convolution_forward>(
      library, chosen, {.x = DNNL_ARG_SRC, .w = DNNL_ARG_WEIGHTS, .y = DNNL_ARG_DST},
      {.x = chosen.src_desc(), .w = chosen.weights_desc(), .y = chosen.dst_desc(), .run = {}});
  return *forward_;
}

const ConvolutionPass& Convolution::backward_data(const Library& library) {
  if (backward_data_) return *backward_data_;
  if (algorithms_.backward_data == Algorithm::winograd) {
    backward_data_ = winograd_pass_;
    backward_data_->run = [by = winograd_](Library& on, float* dx, const float* w,
                                           const float* dy) { by.backward_data(on, dy, w, dx); };
    return *backward_data_;
  }
  using Backward = dnnl::convolution_backward_data;
  const auto chosen =
      library.describe_backward<Backward>(descriptor(library, y_.argument), kDirect, x_.result,
                                          w_.argument, y_.argument, strides_, padding_, padding_);
  backward_data_ = computed_by<Backward>(
      library, chosen, {.x = DNNL_ARG_DIFF_SRC, .w = DNNL_ARG_WEIGHTS, .y = DNNL_ARG_DIFF_DST},
      {.x = chosen.diff_src_desc(),
       .w = chosen.weights_desc(),
       .y = chosen.diff_dst_desc(),
       .run = {}});
  return *backward_data_;
}

const ConvolutionPass& Convolution::backward_weights(const Library& library) {
  if (backward_weights_) return *backward_weights_;
  if (algorithms_.backward_weights == Algorithm::winograd) {
    backward_weights_ = winograd_pass_;
    backward_weights_->run = [by = winograd_](Library& on, const float* x, float* dw,
                                              const float* dy) {
      by.backward_weights(on, x, dy, dw);
    };
    return *backward_weights_;
  }
  using Backward = dnnl::convolution_backward_weights;
  const auto chosen =
      library.describe_backward<Backward>(descriptor(library, y_.argument), kDirect, x_.argument,
                                          w_.result, y_.argument, strides_, padding_, padding_);
  backward_weights_ = computed_by<Backward>(
      library, chosen, {.x = DNNL_ARG_SRC, .w = DNNL_ARG_DIFF_WEIGHTS, .y = DNNL_ARG_DIFF_DST},
      {.x = chosen.src_desc(),
       .w = chosen.diff_weights_desc(),
       .y = chosen.diff_dst_desc(),
       .run = {}});
  return *backward_weights_;
}

}  // namespace mvsgd::nn
