#include "nn/onednn/onednn_backend.hpp"

#include <dnnl_debug.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

#include "nn/onednn/weights.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn {
namespace {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;

// Whether our loops know this layout of weights. It is that of most convolutions with AVX-512.
bool in_blocks_of_16(const Shape& shape, const Desc& layout) {
  return shape[0] % 16 == 0 && shape[1] % 16 == 0 && layout == layout_of(shape, Tag::OIhw16i16o);
}

kernels::WeightShape weight_shape(const Shape& shape) {
  return {.outputs = shape[0], .inputs = shape[1], .taps = shape[2] * shape[3]};
}

}  // namespace

OneDnnBackend::OneDnnBackend(const OneDnnOptions& options) : options_(options) {
  if (options.convolution == ConvolutionChoice::winograd && !onednn_has_winograd()) {
    throw UnavailableError("no Winograd convolutions in " + version() +
                           ": a processor with AVX-512 is wanted");
  }
  if (options.bf16 && !onednn_has_bf16()) {
    throw UnavailableError("no bfloat16 in " + version() +
                           ": a processor with avx512_bf16 is wanted");
  }
}

std::string OneDnnBackend::version() const {
  const dnnl_version_t* const library = dnnl_version();
  const std::string isa = dnnl_cpu_isa2str(dnnl_get_effective_cpu_isa());  // "cpu_isa_avx2"
  return "oneDNN " + std::to_string(library->major) + '.' + std::to_string(library->minor) + '.' +
         std::to_string(library->patch) + ' ' + isa.substr(isa.rfind("isa_") + 4);
}

void OneDnnBackend::enter(int threads) {
  if (threads < 1) throw std::invalid_argument("enter: threads = " + std::to_string(threads));
  if (threads != library_.threads()) convolutions_.clear();
  library_.set_threads(threads);
}

// Storage.

Tensor OneDnnBackend::make(const Shape& shape, const Desc& layout) {
  const bool plain = layout.is_zero() || layout == layout_of(shape, Tag::nchw);
  auto allocation = std::make_shared<Allocation>();
  allocation->data = library_.pool().take(plain ? elements(shape) : floats(layout));
  auto made = std::make_shared<OneDnnStorage>();
  made->allocation = std::move(allocation);
  if (!plain) made->layout = layout;
  return {.shape = shape, .storage = std::move(made)};
}

Tensor OneDnnBackend::made_of(std::initializer_list<const Tensor*> given) {
  for (const Tensor* x : given) {
    if (x->storage.use_count() == 1 && storage(*x).allocation.use_count() == 1) return *x;
  }
  const Tensor& like = **given.begin();
  return make(like.shape, layout(like));
}

Tensor OneDnnBackend::copy_of(const Tensor& x) {
  Tensor y = make(x.shape, storage(x).layout);
  std::copy_n(storage(x).data(), floats(x), storage(y).data());
  return y;
}

Tensor OneDnnBackend::in_layout(Tensor x, const Desc& wanted) {
  const Desc current = layout(x);
  if (current == wanted) return x;
  return or_refuse("reorder " + to_string(x.shape), [&] {
    Tensor y = make(x.shape, wanted);
    library_.reorder(current, storage(x).data(), wanted, storage(y).data());
    return y;
  });
}

Tensor OneDnnBackend::in_layout_of(const Tensor& x, const Tensor& other) {
  if (storage(x).plain() && storage(other).plain()) return x;
  return in_layout(x, layout(other));
}

std::pair<Tensor, Blocked> OneDnnBackend::blocked(Tensor x) {
  const Desc current = layout(x);
  const int lanes = current == layout_of(x.shape, Tag::nChw16c) ? 16 : 8;
  const Blocked channels(x.shape, lanes);
  if (lanes == 8) {
    const Desc wanted = layout_of(x.shape, Tag::nChw8c);
    x = in_layout(std::move(x), wanted);
  }
  return {std::move(x), channels};
}

Tensor OneDnnBackend::do_allocate(const Shape& shape) {
  Tensor x = make(shape, {});
  std::fill_n(storage(x).data(), elements(shape), 0.0F);
  return x;
}

Tensor OneDnnBackend::do_view(const Tensor& flat, std::int64_t offset, const Shape& shape) {
  static_cast<void>(plain_data(flat));
  const OneDnnStorage& whole = storage(flat);
  auto part = std::make_shared<OneDnnStorage>();
  part->allocation = whole.allocation;
  part->offset = whole.offset + offset;
  return {.shape = shape, .storage = std::move(part)};
}

void OneDnnBackend::do_write(const Tensor& to, std::span<const float> from) {
  std::copy(from.begin(), from.end(), writable_data(to));
}

void OneDnnBackend::do_read(const Tensor& from, std::span<float> to) {
  const Tensor plain =
      storage(from).plain() ? from : in_layout(from, layout_of(from.shape, Tag::nchw));
  std::copy_n(plain_data(plain), to.size(), to.begin());
}

void OneDnnBackend::fill_zero(const Tensor& x) {
  std::fill_n(writable_data(x), elements(x.shape), 0.0F);
}

void OneDnnBackend::do_accumulate(const Tensor& y, const Tensor& x) {
  const Tensor term = in_layout_of(x, y);
  float* const to = storage(y).plain() ? writable_data(y) : storage(y).data();
  library_.in_parallel(floats(y), [&, from = storage(term).data()](auto begin, auto end) {
    kernels::add(to + begin, from + begin, end - begin);
  });
}

// Convolution.

Convolution& OneDnnBackend::convolution(const ConvolutionProblem& problem) {
  return convolutions_.try_emplace(problem.text(), problem, options_).first->second;
}

float* OneDnnBackend::packed(const Tensor& w, const Desc& wanted) {
  static_cast<void>(plain_data(w));
  const OneDnnStorage& plain = storage(w);
  const Desc current = layout(w);
  if (wanted == current) return plain.data();
  Allocation& allocation = *plain.allocation;
  auto found = std::find_if(allocation.packed.begin(), allocation.packed.end(), [&](auto& known) {
    return known.offset == plain.offset && known.layout == wanted;
  });
  if (found == allocation.packed.end()) {
    allocation.packed.push_back({.offset = plain.offset,
                                 .layout = wanted,
                                 .version = 0,
                                 .data = library_.pool().take(floats(wanted))});
    found = std::prev(allocation.packed.end());
  }
  if (found->version != allocation.version) {
    if (in_blocks_of_16(w.shape, wanted)) {
      kernels::pack(weight_shape(w.shape), plain.data(), found->data.get());
    } else {
      library_.reorder(current, plain.data(), wanted, found->data.get());
    }
    found->version = allocation.version;
  }
  return found->data.get();
}

Tensor OneDnnBackend::do_conv2d(const Tensor& x, const Tensor& w,
                                const ConvolutionProblem& problem) {
  return or_refuse("conv2d " + problem.text(), [&] {
    const ConvolutionPass& pass = convolution(problem).forward(library_);
    const Tensor from = in_layout(x, pass.x);
    Tensor y = make(problem.y, pass.y);
    pass.run(library_, storage(from).data(), packed(w, pass.w), storage(y).data());
    return y;
  });
}

Tensor OneDnnBackend::do_conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                              const ConvolutionProblem& problem) {
  return or_refuse("conv2d_backward_data " + problem.text(), [&] {
    const ConvolutionPass& pass = convolution(problem).backward_data(library_);
    const Tensor from = in_layout(dy, pass.y);
    Tensor dx = make(problem.x, pass.x);
    pass.run(library_, storage(dx).data(), packed(w, pass.w), storage(from).data());
    return dx;
  });
}

void OneDnnBackend::do_conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                               Into into, const ConvolutionProblem& problem) {
  float* const sum = writable_data(dw);
  or_refuse("conv2d_backward_weights " + problem.text(), [&] {
    const ConvolutionPass& pass = convolution(problem).backward_weights(library_);
    const Tensor from = in_layout(x, pass.x);
    const Tensor gradient = in_layout(dy, pass.y);
    const Tensor term = make(dw.shape, pass.w);
    pass.run(library_, storage(from).data(), storage(term).data(), storage(gradient).data());
    if (in_blocks_of_16(dw.shape, pass.w)) {
      kernels::unpack(weight_shape(dw.shape), storage(term).data(), sum, into);
    } else {
      library_.reorder(layout(term), storage(term).data(), layout(dw), sum, into);
    }
  });
}

// Pool and linear layer.

Tensor OneDnnBackend::do_global_average_pool(const Tensor& x) {
  const auto [from, channels] = blocked(x);
  const std::int64_t plane = channels.block.plane;
  Tensor y = make({x.shape[0], x.shape[1]}, {});
  const float* in = storage(from).data();
  float* out = storage(y).data();
  for (std::int64_t n = 0; n < x.shape[0]; ++n, out += x.shape[1]) {
    for (std::int64_t b = 0; b < channels.blocks; ++b, in += channels.stride()) {
      std::array<float, kernels::kMaxLanes> sums{};
      kernels::plane_sum(channels.block.lanes, plane, in, sums.data());
      channels.for_each_lane(b, [&](std::size_t lane, std::size_t c) {
        out[c] = sums[lane] / static_cast<float>(plane);
      });
    }
  }
  return y;
}

Tensor OneDnnBackend::do_global_average_pool_backward(const Tensor& dy, const Tensor& x) {
  const auto [like, channels] = blocked(x);
  const std::int64_t plane = channels.block.plane;
  Tensor dx = make(x.shape, layout(like));
  const float* gradient = plain_data(dy);
  float* out = storage(dx).data();
  for (std::int64_t n = 0; n < x.shape[0]; ++n, gradient += x.shape[1]) {
    for (std::int64_t b = 0; b < channels.blocks; ++b, out += channels.stride()) {
      std::array<float, kernels::kMaxLanes> shares{};
      channels.for_each_lane(b, [&](std::size_t lane, std::size_t c) {
        shares[lane] = gradient[c] / static_cast<float>(plane);
      });
      for (std::int64_t e = 0; e < plane; ++e) {
        std::copy_n(shares.begin(), channels.block.lanes, out + e * channels.block.lanes);
      }
    }
  }
  return dx;
}

Tensor OneDnnBackend::do_linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  Tensor y = make({x.shape[0], w.shape[0]}, {});
  kernels::linear(x.shape[0], x.shape[1], w.shape[0], plain_data(x), plain_data(w), plain_data(b),
                  storage(y).data());
  return y;
}

Tensor OneDnnBackend::do_linear_backward_data(const Tensor& dy, const Tensor& w) {
  const Shape x_shape{dy.shape[0], w.shape[1]};
  Tensor dx = allocate(x_shape);
  kernels::add_product(x_shape[0], w.shape[0], x_shape[1], plain_data(dy),
                       {.row = w.shape[0], .column = 1}, plain_data(w), storage(dx).data());
  return dx;
}

void OneDnnBackend::do_linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                               const Tensor& db) {
  kernels::add_linear_gradients(x.shape[0], x.shape[1], dw.shape[0], plain_data(x), plain_data(dy),
                                writable_data(dw), writable_data(db));
}

CrossEntropy OneDnnBackend::do_softmax_cross_entropy(const Tensor& logits,
                                                     std::span<const std::uint8_t> labels) {
  CrossEntropy result{.dlogits = make(logits.shape, {})};
  const kernels::RowsLoss loss = kernels::cross_entropy(plain_data(logits), logits.shape[1], labels,
                                                        storage(result.dlogits).data());
  result.loss = loss.mean;
  result.correct = loss.correct;
  return result;
}

void OneDnnBackend::do_sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                                float weight_decay) {
  library_.in_parallel(elements(theta.shape), [&, to = writable_data(theta),
                                               from = plain_data(gradient)](auto begin, auto end) {
    kernels::sgd_step(to + begin, from + begin, end - begin, learning_rate, weight_decay);
  });
}

void OneDnnBackend::do_momentum_step(const Tensor& theta, const Tensor& velocity,
                                     const Tensor& gradient, const MomentumOptions& options) {
  library_.in_parallel(
      elements(theta.shape), [&, to = writable_data(theta), kept = writable_data(velocity),
                              from = plain_data(gradient)](auto begin, auto end) {
        kernels::momentum_step(to + begin, kept + begin, from + begin, end - begin, options);
      });
}

}  // namespace mvsgd::nn
