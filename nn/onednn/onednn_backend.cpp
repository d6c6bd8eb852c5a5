#include "nn/onednn/onednn_backend.hpp"

#include <dnnl_debug.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <dnnl.hpp>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "nn/onednn/convolution.hpp"
#include "nn/onednn/kernels.hpp"
#include "nn/onednn/library.hpp"
#include "nn/onednn/storage.hpp"

namespace mvsgd::nn {
namespace {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;

// Throws naming the operation and the shapes that do not fit.
[[noreturn]] void refuse(const std::string& operation,
                         std::initializer_list<std::pair<const char*, const Shape&>> shapes) {
  std::string message = operation + ':';
  for (const auto& [name, shape] : shapes) {
    message += std::string(" ") + name + ' ' + to_string(shape);
  }
  throw std::invalid_argument(message);
}

void check_same(const char* operation, const Tensor& a, const Tensor& b) {
  if (a.shape != b.shape) refuse(operation, {{"a", a.shape}, {"b", b.shape}});
}

// Floats in memory, padding included.
std::int64_t floats(const Tensor& x) {
  return storage(x).plain() ? elements(x.shape) : Library::floats(storage(x).layout);
}

// An activation [N, C, H, W] whose channels stand in blocks, the last one padded.
struct Blocked {
  kernels::ChannelBlock block;
  std::int64_t blocks = 0;
  std::int64_t channels = 0;

  Blocked(const Shape& shape, int lanes) : channels(shape[1]) {
    blocks = (channels + lanes - 1) / lanes;
    block = {.lanes = lanes, .images = shape[0], .plane = shape[2] * shape[3]};
    block.image_stride = blocks * stride();
  }

  // Floats from one block of an image to the next.
  [[nodiscard]] std::int64_t stride() const { return block.plane * block.lanes; }
  [[nodiscard]] std::int64_t padded() const { return blocks * block.lanes; }

  // f(lane, channel) for the lanes of a block that are not padding.
  template <typename F>
  void for_each_lane(std::int64_t block_index, F f) const {
    const std::int64_t first = block_index * block.lanes;
    const std::int64_t last = std::min(channels, first + block.lanes);
    for (std::int64_t c = first; c < last; ++c) {
      f(static_cast<std::size_t>(c - first), static_cast<std::size_t>(c));
    }
  }
};

kernels::Affine affine_of(const BatchStatistics& statistics, std::int64_t first_channel,
                          bool relu) {
  return {.mean = statistics.mean.data() + first_channel,
          .scale = statistics.scale.data() + first_channel,
          .shift = statistics.shift.data() + first_channel,
          .relu = relu};
}

void check_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
  if (x.shape.size() != 4 || elements(x.shape) < 1 || gamma.shape != Shape{x.shape[1]} ||
      beta.shape != gamma.shape) {
    refuse("batch_norm", {{"x", x.shape}, {"gamma", gamma.shape}, {"beta", beta.shape}});
  }
}

void check_running(const RunningStatistics& running, const Tensor& gamma) {
  if (running.mean.shape != gamma.shape || running.variance.shape != gamma.shape) {
    refuse("batch_norm", {{"gamma", gamma.shape},
                          {"running mean", running.mean.shape},
                          {"running variance", running.variance.shape}});
  }
}

void check_linear(const Shape& x, const Shape& w, const Shape& y) {
  if (x.size() != 2 || w.size() != 2 || y != Shape{x[0], w[0]} || x[1] != w[1]) {
    refuse("linear", {{"x", x}, {"w", w}, {"y", y}});
  }
}

class OneDnnBackend : public Backend {
 public:
  [[nodiscard]] std::string name() const override { return "onednn"; }
  [[nodiscard]] std::string version() const override;
  void enter(int threads) override;

  [[nodiscard]] Tensor allocate(const Shape& shape) override;
  [[nodiscard]] Tensor view(const Tensor& flat, std::int64_t offset, const Shape& shape) override;
  void write(const Tensor& to, std::span<const float> from) override;
  void read(const Tensor& from, std::span<float> to) override;
  void fill_zero(const Tensor& x) override;
  void accumulate(const Tensor& y, const Tensor& x) override;

  [[nodiscard]] Tensor conv2d(const Tensor& x, const Tensor& w,
                              const Conv2dOptions& options) override;
  [[nodiscard]] Tensor conv2d_backward_data(const Tensor& dy, const Tensor& w, const Shape& x_shape,
                                            const Conv2dOptions& options) override;
  void conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                               const Conv2dOptions& options) override;

  [[nodiscard]] BatchNormForward batch_norm_train(const Tensor& x, const Tensor& gamma,
                                                  const Tensor& beta,
                                                  const RunningStatistics& running,
                                                  const BatchNormOptions& options) override;
  [[nodiscard]] Tensor batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gamma,
                                           const BatchNormForward& forward, const Tensor& dgamma,
                                           const Tensor& dbeta,
                                           const BatchNormOptions& options) override;
  [[nodiscard]] Tensor batch_norm_evaluate(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                           const RunningStatistics& running,
                                           const BatchNormOptions& options) override;

  [[nodiscard]] Tensor relu(const Tensor& x) override;
  [[nodiscard]] Tensor add_relu(const Tensor& a, const Tensor& b) override;
  [[nodiscard]] Tensor relu_backward(const Tensor& dy, const Tensor& y) override;

  [[nodiscard]] Tensor global_average_pool(const Tensor& x) override;
  [[nodiscard]] Tensor global_average_pool_backward(const Tensor& dy, const Tensor& x) override;

  [[nodiscard]] Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) override;
  [[nodiscard]] Tensor linear_backward_data(const Tensor& dy, const Tensor& w) override;
  void linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                               const Tensor& db) override;

  [[nodiscard]] CrossEntropy softmax_cross_entropy(const Tensor& logits,
                                                   std::span<const std::uint8_t> labels) override;

  void sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                float weight_decay) override;

 private:
  // A tensor of any values; plain if `layout` is zero.
  [[nodiscard]] Tensor make(const Shape& shape, const Desc& layout);
  // x itself if it has this layout, else a copy that does.
  [[nodiscard]] Tensor in_layout(const Tensor& x, const Desc& wanted);
  [[nodiscard]] Tensor in_layout_of(const Tensor& x, const Tensor& other);
  // x, copied if its channels are not in blocks, and what its layout is.
  [[nodiscard]] std::pair<Tensor, Blocked> blocked(const Tensor& x);
  // The plain weights w in a convolution's layout, kept until w's storage is written to.
  [[nodiscard]] dnnl::memory packed(const Tensor& w, const Desc& wanted);
  [[nodiscard]] Convolution& convolution(const ConvolutionProblem& problem);
  [[nodiscard]] dnnl::memory memory(const Tensor& x) const {
    return library_.memory(layout(x), storage(x).data());
  }

  // f(begin, end) for consecutive parts of [0, count), which the kernel threads share. The parts
  // must not depend on each other in any bit.
  template <typename F>
  void in_parallel(std::int64_t count, F f) const;

  Library library_;
  std::unordered_map<std::string, Convolution> convolutions_;
};

template <typename F>
void OneDnnBackend::in_parallel(std::int64_t count, F f) const {
  const int threads = library_.threads();
  if (threads == 1) return f(0, count);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int t = 0; t < threads; ++t) f(count * t / threads, count * (t + 1) / threads);
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
  allocation->data = library_.pool().take(plain ? elements(shape) : Library::floats(layout));
  auto made = std::make_shared<OneDnnStorage>();
  made->allocation = std::move(allocation);
  if (!plain) made->layout = layout;
  return {.shape = shape, .storage = std::move(made)};
}

Tensor OneDnnBackend::in_layout(const Tensor& x, const Desc& wanted) {
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

std::pair<Tensor, Blocked> OneDnnBackend::blocked(const Tensor& x) {
  const Desc current = layout(x);
  const int lanes = current == layout_of(x.shape, Tag::nChw16c) ? 16 : 8;
  Tensor y = lanes == 16 ? x : in_layout(x, layout_of(x.shape, Tag::nChw8c));
  return {std::move(y), Blocked(x.shape, lanes)};
}

Tensor OneDnnBackend::allocate(const Shape& shape) {
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 0; })) {
    refuse("allocate", {{"shape", shape}});
  }
  Tensor x = make(shape, {});
  std::fill_n(storage(x).data(), elements(shape), 0.0F);
  return x;
}

Tensor OneDnnBackend::view(const Tensor& flat, std::int64_t offset, const Shape& shape) {
  static_cast<void>(plain_data(flat));
  const std::int64_t size = elements(flat.shape);
  if (offset < 0 || offset > size || elements(shape) > size - offset) {
    refuse("view at " + std::to_string(offset), {{"shape", shape}, {"of", flat.shape}});
  }
  const OneDnnStorage& whole = storage(flat);
  auto part = std::make_shared<OneDnnStorage>();
  part->allocation = whole.allocation;
  part->offset = whole.offset + offset;
  return {.shape = shape, .storage = std::move(part)};
}

void OneDnnBackend::write(const Tensor& to, std::span<const float> from) {
  if (static_cast<std::int64_t>(from.size()) != elements(to.shape)) {
    refuse("write of " + std::to_string(from.size()) + " values", {{"to", to.shape}});
  }
  std::copy(from.begin(), from.end(), writable_data(to));
}

void OneDnnBackend::read(const Tensor& from, std::span<float> to) {
  if (static_cast<std::int64_t>(to.size()) != elements(from.shape)) {
    refuse("read of " + std::to_string(to.size()) + " values", {{"from", from.shape}});
  }
  const Tensor plain =
      storage(from).plain() ? from : in_layout(from, layout_of(from.shape, Tag::nchw));
  std::copy_n(plain_data(plain), to.size(), to.begin());
}

void OneDnnBackend::fill_zero(const Tensor& x) {
  std::fill_n(writable_data(x), elements(x.shape), 0.0F);
}

void OneDnnBackend::accumulate(const Tensor& y, const Tensor& x) {
  check_same("accumulate", y, x);
  const Tensor term = in_layout_of(x, y);
  float* const to = storage(y).plain() ? writable_data(y) : storage(y).data();
  in_parallel(floats(y), [&, from = storage(term).data()](auto begin, auto end) {
    kernels::add(to + begin, from + begin, end - begin);
  });
}

// Convolution.

Convolution& OneDnnBackend::convolution(const ConvolutionProblem& problem) {
  return convolutions_.try_emplace(problem.text(), problem).first->second;
}

dnnl::memory OneDnnBackend::packed(const Tensor& w, const Desc& wanted) {
  static_cast<void>(plain_data(w));
  const OneDnnStorage& plain = storage(w);
  const Desc current = layout(w);
  if (wanted == current) return library_.memory(current, plain.data());
  Allocation& allocation = *plain.allocation;
  auto found = std::find_if(allocation.packed.begin(), allocation.packed.end(), [&](auto& known) {
    return known.offset == plain.offset && known.layout == wanted;
  });
  if (found == allocation.packed.end()) {
    allocation.packed.push_back({.offset = plain.offset,
                                 .layout = wanted,
                                 .version = 0,
                                 .data = library_.pool().take(Library::floats(wanted))});
    found = std::prev(allocation.packed.end());
  }
  if (found->version != allocation.version) {
    library_.reorder(current, plain.data(), wanted, found->data.get());
    found->version = allocation.version;
  }
  return library_.memory(wanted, found->data.get());
}

Tensor OneDnnBackend::conv2d(const Tensor& x, const Tensor& w, const Conv2dOptions& options) {
  const ConvolutionProblem problem(x.shape, w.shape, options);
  return or_refuse("conv2d " + problem.text(), [&] {
    const ConvolutionPass& pass = convolution(problem).forward(library_);
    const Tensor from = in_layout(x, pass.x);
    Tensor y = make(problem.y, pass.y);
    library_.execute(pass.executable, {{DNNL_ARG_SRC, memory(from)},
                                       {DNNL_ARG_WEIGHTS, packed(w, pass.w)},
                                       {DNNL_ARG_DST, memory(y)}});
    return y;
  });
}

Tensor OneDnnBackend::conv2d_backward_data(const Tensor& dy, const Tensor& w, const Shape& x_shape,
                                           const Conv2dOptions& options) {
  const ConvolutionProblem problem(x_shape, w.shape, options);
  if (dy.shape != problem.y) {
    refuse("conv2d_backward_data", {{"dy", dy.shape}, {"w", w.shape}, {"x", x_shape}});
  }
  return or_refuse("conv2d_backward_data " + problem.text(), [&] {
    const ConvolutionPass& pass = convolution(problem).backward_data(library_);
    const Tensor from = in_layout(dy, pass.y);
    Tensor dx = make(x_shape, pass.x);
    library_.execute(pass.executable, {{DNNL_ARG_DIFF_DST, memory(from)},
                                       {DNNL_ARG_WEIGHTS, packed(w, pass.w)},
                                       {DNNL_ARG_DIFF_SRC, memory(dx)}});
    return dx;
  });
}

void OneDnnBackend::conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                            const Conv2dOptions& options) {
  const ConvolutionProblem problem(x.shape, dw.shape, options);
  if (dy.shape != problem.y) {
    refuse("conv2d_backward_weights", {{"x", x.shape}, {"dy", dy.shape}, {"dw", dw.shape}});
  }
  float* const sum = writable_data(dw);
  or_refuse("conv2d_backward_weights " + problem.text(), [&] {
    const ConvolutionPass& pass = convolution(problem).backward_weights(library_);
    const Tensor from = in_layout(x, pass.x);
    const Tensor gradient = in_layout(dy, pass.y);
    const Tensor term = make(dw.shape, pass.w);
    library_.execute(pass.executable, {{DNNL_ARG_SRC, memory(from)},
                                       {DNNL_ARG_DIFF_DST, memory(gradient)},
                                       {DNNL_ARG_DIFF_WEIGHTS, memory(term)}});
    if (storage(term).plain()) {
      kernels::add(sum, plain_data(term), elements(dw.shape));
    } else {
      library_.reorder(pass.w, storage(term).data(), layout(dw), sum, Library::Into::add);
    }
  });
}

// Batch norm.

BatchNormForward OneDnnBackend::batch_norm_train(const Tensor& x, const Tensor& gamma,
                                                 const Tensor& beta,
                                                 const RunningStatistics& running,
                                                 const BatchNormOptions& options) {
  check_batch_norm(x, gamma, beta);
  const auto m = static_cast<double>(elements(x.shape) / x.shape[1]);
  const bool update = static_cast<bool>(running.mean);
  if (update) check_running(running, gamma);
  if (update && m < 2) refuse("batch_norm: the unbiased variance of one", {{"x", x.shape}});
  const float* const gammas = plain_data(gamma);
  const float* const betas = plain_data(beta);
  float* const running_means = update ? writable_data(running.mean) : nullptr;
  float* const running_variances = update ? writable_data(running.variance) : nullptr;

  const auto [from, channels] = blocked(x);
  Tensor y = make(x.shape, layout(from));
  auto saved = std::make_shared<BatchStatistics>(channels.padded());
  const auto do_block = [&, in = storage(from).data(), out = storage(y).data()](std::int64_t b) {
    std::array<double, kernels::kMaxLanes> means{};
    std::array<double, kernels::kMaxLanes> squares{};
    kernels::moments(channels.block, in + b * channels.stride(), means.data(), squares.data());
    channels.for_each_lane(b, [&](std::size_t lane, std::size_t c) {
      const double variance = squares[lane] / m;
      const double inverse_deviation = 1 / std::sqrt(variance + double{options.epsilon});
      saved->mean[c] = static_cast<float>(means[lane]);
      saved->inverse_deviation[c] = static_cast<float>(inverse_deviation);
      saved->scale[c] = static_cast<float>(double{gammas[c]} * inverse_deviation);
      saved->shift[c] = betas[c];
      if (update) {
        const double momentum = options.momentum;
        const auto moved = [momentum](float old, double batch) {
          return static_cast<float>((1 - momentum) * double{old} + momentum * batch);
        };
        running_means[c] = moved(running_means[c], means[lane]);
        running_variances[c] = moved(running_variances[c], squares[lane] / (m - 1));
      }
    });
    kernels::apply(channels.block, affine_of(*saved, b * channels.block.lanes, options.relu),
                   in + b * channels.stride(), out + b * channels.stride());
  };
  in_parallel(channels.blocks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) do_block(b);
  });
  return {.y = std::move(y), .saved = std::move(saved)};
}

// With h = (x - mean) / deviation, the normalised input, and dv = dy where ReLU let it through:
//     dbeta = sum dv    dgamma = sum dv h    dx = gamma / deviation * (dv - (dbeta + h dgamma) / m)
// The last two terms are what x does through the batch's mean and variance.
Tensor OneDnnBackend::batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gamma,
                                          const BatchNormForward& forward, const Tensor& dgamma,
                                          const Tensor& dbeta, const BatchNormOptions& options) {
  check_batch_norm(x, gamma, gamma);
  check_same("batch_norm_backward", dy, x);
  check_same("batch_norm_backward", forward.y, x);
  check_same("batch_norm_backward", dgamma, gamma);
  check_same("batch_norm_backward", dbeta, gamma);
  const auto* const saved = dynamic_cast<const BatchStatistics*>(forward.saved.get());
  if (saved == nullptr) {
    throw std::invalid_argument("batch_norm_backward: not what batch_norm_train() returned");
  }
  const auto m = static_cast<double>(elements(x.shape) / x.shape[1]);
  const float* const gammas = plain_data(gamma);
  float* const dgammas = writable_data(dgamma);
  float* const dbetas = writable_data(dbeta);

  const auto [from, channels] = blocked(x);
  const Tensor gradient = in_layout(dy, layout(from));
  Tensor dx = make(x.shape, layout(from));
  const auto do_block = [&, in = storage(from).data(), terms = storage(gradient).data(),
                         out = storage(dx).data()](std::int64_t b) {
    const std::int64_t first = b * channels.stride();
    const kernels::Affine affine = affine_of(*saved, b * channels.block.lanes, options.relu);
    std::array<double, kernels::kMaxLanes> sums{};
    std::array<double, kernels::kMaxLanes> products{};
    kernels::gradient_sums(channels.block, affine, in + first, terms + first, sums.data(),
                           products.data());
    std::array<float, kernels::kMaxLanes> factor{};
    std::array<float, kernels::kMaxLanes> constant{};
    std::array<float, kernels::kMaxLanes> slope{};
    channels.for_each_lane(b, [&](std::size_t lane, std::size_t c) {
      const double inverse_deviation = saved->inverse_deviation[c];
      const double by_dv = double{gammas[c]} * inverse_deviation;
      const double sum_dv_h = products[lane] * inverse_deviation;
      factor[lane] = static_cast<float>(by_dv);
      constant[lane] = static_cast<float>(by_dv * sums[lane] / m);
      slope[lane] = static_cast<float>(by_dv * inverse_deviation * sum_dv_h / m);
      dgammas[c] += static_cast<float>(sum_dv_h);
      dbetas[c] += static_cast<float>(sums[lane]);
    });
    kernels::input_gradient(
        channels.block, affine,
        {.factor = factor.data(), .constant = constant.data(), .slope = slope.data()}, in + first,
        terms + first, out + first);
  };
  in_parallel(channels.blocks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) do_block(b);
  });
  return dx;
}

Tensor OneDnnBackend::batch_norm_evaluate(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                          const RunningStatistics& running,
                                          const BatchNormOptions& options) {
  check_batch_norm(x, gamma, beta);
  check_running(running, gamma);
  const float* const gammas = plain_data(gamma);
  const float* const betas = plain_data(beta);
  const float* const means = plain_data(running.mean);
  const float* const variances = plain_data(running.variance);
  const auto [from, channels] = blocked(x);
  Tensor y = make(x.shape, layout(from));
  BatchStatistics statistics(channels.padded());
  for (std::size_t c = 0; c < static_cast<std::size_t>(x.shape[1]); ++c) {
    const double inverse_deviation = 1 / std::sqrt(double{variances[c]} + double{options.epsilon});
    statistics.mean[c] = means[c];
    statistics.scale[c] = static_cast<float>(double{gammas[c]} * inverse_deviation);
    statistics.shift[c] = betas[c];
  }
  in_parallel(channels.blocks, [&, in = storage(from).data(), out = storage(y).data()](
                                   std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      kernels::apply(channels.block, affine_of(statistics, b * channels.block.lanes, options.relu),
                     in + b * channels.stride(), out + b * channels.stride());
    }
  });
  return y;
}

// Element by element. Padded channels are zero, and these operations leave them so.

Tensor OneDnnBackend::relu(const Tensor& x) {
  Tensor y = make(x.shape, storage(x).layout);
  in_parallel(floats(x), [from = storage(x).data(), to = storage(y).data()](auto begin, auto end) {
    kernels::relu(from + begin, to + begin, end - begin);
  });
  return y;
}

Tensor OneDnnBackend::add_relu(const Tensor& a, const Tensor& b) {
  check_same("add_relu", a, b);
  const Tensor other = in_layout_of(b, a);
  Tensor y = make(a.shape, storage(a).layout);
  in_parallel(floats(a), [left = storage(a).data(), right = storage(other).data(),
                          to = storage(y).data()](auto begin, auto end) {
    kernels::add_relu(left + begin, right + begin, to + begin, end - begin);
  });
  return y;
}

Tensor OneDnnBackend::relu_backward(const Tensor& dy, const Tensor& y) {
  check_same("relu_backward", dy, y);
  const Tensor gradient = in_layout_of(dy, y);
  Tensor dx = make(y.shape, storage(y).layout);
  in_parallel(floats(y), [from = storage(gradient).data(), value = storage(y).data(),
                          to = storage(dx).data()](auto begin, auto end) {
    kernels::relu_backward(from + begin, value + begin, to + begin, end - begin);
  });
  return dx;
}

// Pool and linear layer.

Tensor OneDnnBackend::global_average_pool(const Tensor& x) {
  if (x.shape.size() != 4 || elements(x.shape) < 1) refuse("global_average_pool", {{"x", x.shape}});
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

Tensor OneDnnBackend::global_average_pool_backward(const Tensor& dy, const Tensor& x) {
  if (x.shape.size() != 4 || dy.shape != Shape{x.shape[0], x.shape[1]}) {
    refuse("global_average_pool_backward", {{"dy", dy.shape}, {"x", x.shape}});
  }
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

Tensor OneDnnBackend::linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  const Shape y_shape{x.shape.empty() ? 0 : x.shape[0], elements(b.shape)};
  check_linear(x.shape, w.shape, y_shape);
  Tensor y = make(y_shape, {});
  kernels::linear(x.shape[0], x.shape[1], w.shape[0], plain_data(x), plain_data(w), plain_data(b),
                  storage(y).data());
  return y;
}

Tensor OneDnnBackend::linear_backward_data(const Tensor& dy, const Tensor& w) {
  const Shape x_shape{dy.shape.empty() ? 0 : dy.shape[0], w.shape.size() == 2 ? w.shape[1] : 0};
  check_linear(x_shape, w.shape, dy.shape);
  Tensor dx = allocate(x_shape);
  kernels::add_product(x_shape[0], w.shape[0], x_shape[1], plain_data(dy),
                       {.row = w.shape[0], .column = 1}, plain_data(w), storage(dx).data());
  return dx;
}

void OneDnnBackend::linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                            const Tensor& db) {
  check_linear(x.shape, dw.shape, dy.shape);
  if (db.shape != Shape{dw.shape[0]}) {
    refuse("linear_backward_weights", {{"db", db.shape}, {"dy", dy.shape}});
  }
  const std::int64_t rows = x.shape[0];
  const std::int64_t columns = dw.shape[0];
  const float* const gradient = plain_data(dy);
  const float one = 1;
  kernels::add_product(columns, rows, x.shape[1], gradient, {.row = 1, .column = columns},
                       plain_data(x), writable_data(dw));
  kernels::add_product(1, rows, columns, &one, {}, gradient, writable_data(db));
}

CrossEntropy OneDnnBackend::softmax_cross_entropy(const Tensor& logits,
                                                  std::span<const std::uint8_t> labels) {
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
  const auto count = static_cast<double>(labels.size());
  const float* row = plain_data(logits);
  CrossEntropy result{.dlogits = make(logits.shape, {})};
  float* gradient = storage(result.dlogits).data();
  for (const std::uint8_t label : labels) {
    if (std::max_element(row, row + classes) == row + label) ++result.correct;
    result.loss += kernels::cross_entropy({row, classes}, label, count, gradient);
    row += classes;
    gradient += classes;
  }
  result.loss /= count;
  return result;
}

void OneDnnBackend::sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                             float weight_decay) {
  check_same("sgd_step", theta, gradient);
  in_parallel(elements(theta.shape), [&, to = writable_data(theta), from = plain_data(gradient)](
                                         auto begin, auto end) {
    kernels::sgd_step(to + begin, from + begin, end - begin, learning_rate, weight_decay);
  });
}

}  // namespace

std::unique_ptr<Backend> make_onednn_backend() {
  return or_refuse("onednn", [] { return std::make_unique<OneDnnBackend>(); });
}

}  // namespace mvsgd::nn
