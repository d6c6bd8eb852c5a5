#include "nn/lanes/lanes_backend.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "nn/host_kernels.hpp"

namespace mvsgd::nn::lanes {
namespace {

// [N, values], values being [channels][pixels].
void to_plain(const Activation& shape, const float* lanes, float* plain) {
  for (std::int64_t image = 0; image < shape.images; ++image) {
    const float* const from = lanes + image / kLanes * shape.block_stride() + image % kLanes;
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
        *plain++ = from[pixel * shape.pixel_stride() + c * kLanes];
      }
    }
  }
}

// Sets filling images to zero. A convolution leaves a NaN there if a weight is not finite, and a
// weight gradient would add it up.
void clear_filling(const Activation& shape, float* lanes) {
  const std::int64_t last = shape.blocks() - 1;
  const std::int64_t images = shape.images_of(last);
  if (images == kLanes) return;
  float* const from = lanes + last * shape.block_stride();
  for (std::int64_t i = 0; i < shape.block_stride(); i += kLanes) {
    std::fill(from + i + images, from + i + kLanes, 0.0F);
  }
}

ConvolutionShape shape_of(const ConvolutionProblem& problem) {
  return {.images = problem.x[0],
          .channels = problem.x[1],
          .height = problem.x[2],
          .width = problem.x[3],
          .outputs = problem.w[0],
          .kernel_height = problem.w[2],
          .kernel_width = problem.w[3],
          .stride = problem.options.stride,
          .padding = problem.options.padding};
}

}  // namespace

LanesBackend::LanesBackend(const LanesOptions& options)
    : options_(options), loops_(loops(options.isa)) {
  if (!options.bf16 || options.convolution == ConvolutionChoice::winograd) return;
  bf16_.emplace(fastest_bf16_engine(),
                [this](std::int64_t count, const std::function<void(std::int64_t)>& body) {
                  threads_.share(count, [&](Range range, std::int64_t /*thread*/) {
                    for (std::int64_t i = range.begin; i < range.end; ++i) body(i);
                  });
                });
}

std::string LanesBackend::version() const { return ""; }

void LanesBackend::enter(int threads) {
  if (threads < 1) throw std::invalid_argument("enter: threads = " + std::to_string(threads));
#if !defined(_OPENMP)
  if (threads > 1) throw BackendError("lanes: built without OpenMP: one thread a worker");
#endif
  threads_ = Threads(threads);
}

// Storage.

Tensor LanesBackend::make_plain(const Shape& shape) {
  auto made = std::make_shared<LanesStorage>();
  made->memory = pool_->take(elements(shape));
  return {.shape = shape, .storage = std::move(made)};
}

Tensor LanesBackend::make_activation(const Shape& shape) {
  auto made = std::make_shared<LanesStorage>();
  made->memory = pool_->take(Activation(shape).floats());
  made->plain = false;
  return {.shape = shape, .storage = std::move(made)};
}

Tensor LanesBackend::made_of(std::initializer_list<const Tensor*> given) {
  for (const Tensor* x : given) {
    if (x->storage.use_count() != 1 || storage(*x).memory.use_count() != 1) continue;
    storage(*x).bf16 = false;  // it is about to have other values
    return *x;
  }
  return make_activation((*given.begin())->shape);
}

Tensor LanesBackend::in_lanes(Tensor x) {
  if (!storage(x).plain) return x;
  Tensor made = make_activation(x.shape);
  loops_.to_lanes(Activation(x.shape), storage(x).data(), storage(made).data());
  return made;
}

Tensor LanesBackend::argument(const Tensor& x) {
  Tensor from = in_lanes(x);
  if (!rounds() || storage(from).bf16) return from;
  Tensor made = from.storage == x.storage ? make_activation(x.shape) : from;
  threads_.share(floats(made), [&](Range range, std::int64_t /*thread*/) {
    loops_.round_to_bf16(range.end - range.begin, storage(from).data() + range.begin,
                         storage(made).data() + range.begin);
  });
  storage(made).bf16 = true;
  return made;
}

Tensor LanesBackend::do_allocate(const Shape& shape) {
  Tensor x = make_plain(shape);
  std::fill_n(storage(x).data(), elements(shape), 0.0F);
  return x;
}

Tensor LanesBackend::do_view(const Tensor& flat, std::int64_t offset, const Shape& shape) {
  static_cast<void>(plain_data(flat));
  auto part = std::make_shared<LanesStorage>();
  part->memory = storage(flat).memory;
  part->offset = storage(flat).offset + offset;
  return {.shape = shape, .storage = std::move(part)};
}

void LanesBackend::do_write(const Tensor& to, std::span<const float> from) {
  std::copy(from.begin(), from.end(), plain_data(to));
}

void LanesBackend::do_read(const Tensor& from, std::span<float> to) {
  if (storage(from).plain) {
    std::copy_n(storage(from).data(), to.size(), to.begin());
  } else {
    to_plain(Activation(from.shape), storage(from).data(), to.data());
  }
}

void LanesBackend::fill_zero(const Tensor& x) {
  std::fill_n(plain_data(x), elements(x.shape), 0.0F);
}

void LanesBackend::do_accumulate(const Tensor& y, const Tensor& x) {
  Tensor term = x;
  if (storage(y).plain != storage(x).plain) {
    if (storage(y).plain) {
      term = make_plain(x.shape);
      to_plain(Activation(x.shape), storage(x).data(), storage(term).data());
    } else {
      term = in_lanes(x);
    }
  }
  storage(y).bf16 = false;
  threads_.share(floats(y), [&](Range range, std::int64_t /*thread*/) {
    kernels::add(storage(y).data() + range.begin, storage(term).data() + range.begin,
                 range.end - range.begin);
  });
}

// Convolution.

Tensor LanesBackend::do_conv2d(const Tensor& x, const Tensor& w,
                               const ConvolutionProblem& problem) {
  const Tensor from = argument(x);
  Tensor y = make_activation(problem.y);
  if (bf16_) {
    bf16_->forward(shape_of(problem), storage(from).data(), plain_data(w), storage(y).data());
  } else {
    forward(engine(), options_.convolution, problem, storage(from).data(), plain_data(w),
            storage(y).data());
  }
  clear_filling(Activation(problem.y), storage(y).data());
  return y;
}

Tensor LanesBackend::do_conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                             const ConvolutionProblem& problem) {
  const Tensor from = argument(dy);
  Tensor dx = make_activation(problem.x);
  if (bf16_) {
    bf16_->backward_data(shape_of(problem), storage(from).data(), plain_data(w),
                         storage(dx).data());
  } else {
    backward_data(engine(), options_.convolution, problem, storage(from).data(), plain_data(w),
                  storage(dx).data());
  }
  clear_filling(Activation(problem.x), storage(dx).data());
  return dx;
}

void LanesBackend::do_conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                              Into into, const ConvolutionProblem& problem) {
  const Tensor from = argument(x);
  const Tensor gradient = argument(dy);
  if (bf16_) {
    bf16_->backward_weights(shape_of(problem), storage(from).data(), storage(gradient).data(),
                            plain_data(dw), into);
    return;
  }
  backward_weights(engine(), options_.convolution, problem, storage(from).data(),
                   storage(gradient).data(), plain_data(dw), into);
}

// Pool and linear layer.

Tensor LanesBackend::do_global_average_pool(const Tensor& x) {
  const Activation shape(x.shape);
  const Tensor from = in_lanes(x);
  Tensor y = make_plain({shape.images, shape.channels});
  float* const out = storage(y).data();
  for (std::int64_t block = 0; block < shape.blocks(); ++block) {
    const float* const in = storage(from).data() + block * shape.block_stride();
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      std::array<float, static_cast<std::size_t>(kLanes)> sums{};
      for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
        const float* const values = in + pixel * shape.pixel_stride() + c * kLanes;
        for (std::size_t n = 0; n < sums.size(); ++n) sums[n] += values[n];
      }
      for (std::int64_t n = 0; n < shape.images_of(block); ++n) {
        out[(block * kLanes + n) * shape.channels + c] =
            sums[static_cast<std::size_t>(n)] / static_cast<float>(shape.plane());
      }
    }
  }
  return y;
}

Tensor LanesBackend::do_global_average_pool_backward(const Tensor& dy, const Tensor& x) {
  const Activation shape(x.shape);
  Tensor dx = make_activation(x.shape);
  const float* const gradient = plain_data(dy);
  for (std::int64_t block = 0; block < shape.blocks(); ++block) {
    float* const out = storage(dx).data() + block * shape.block_stride();
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      std::array<float, static_cast<std::size_t>(kLanes)> shares{};
      for (std::int64_t n = 0; n < shape.images_of(block); ++n) {
        shares[static_cast<std::size_t>(n)] =
            gradient[(block * kLanes + n) * shape.channels + c] / static_cast<float>(shape.plane());
      }
      for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
        std::copy(shares.begin(), shares.end(), out + pixel * shape.pixel_stride() + c * kLanes);
      }
    }
  }
  return dx;
}

Tensor LanesBackend::do_linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  Tensor y = make_plain({x.shape[0], w.shape[0]});
  kernels::linear(x.shape[0], x.shape[1], w.shape[0], plain_data(x), plain_data(w), plain_data(b),
                  storage(y).data());
  return y;
}

Tensor LanesBackend::do_linear_backward_data(const Tensor& dy, const Tensor& w) {
  const Shape x_shape{dy.shape[0], w.shape[1]};
  Tensor dx = allocate(x_shape);
  kernels::add_product(x_shape[0], w.shape[0], x_shape[1], plain_data(dy),
                       {.row = w.shape[0], .column = 1}, plain_data(w), storage(dx).data());
  return dx;
}

void LanesBackend::do_linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                              const Tensor& db) {
  kernels::add_linear_gradients(x.shape[0], x.shape[1], dw.shape[0], plain_data(x), plain_data(dy),
                                plain_data(dw), plain_data(db));
}

CrossEntropy LanesBackend::do_softmax_cross_entropy(const Tensor& logits,
                                                    std::span<const std::uint8_t> labels) {
  CrossEntropy result{.dlogits = make_plain(logits.shape)};
  const kernels::RowsLoss loss = kernels::cross_entropy(plain_data(logits), logits.shape[1], labels,
                                                        storage(result.dlogits).data());
  result.loss = loss.mean;
  result.correct = loss.correct;
  return result;
}

void LanesBackend::do_sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                               float weight_decay) {
  threads_.share(elements(theta.shape), [&](Range range, std::int64_t /*thread*/) {
    kernels::sgd_step(plain_data(theta) + range.begin, plain_data(gradient) + range.begin,
                      range.end - range.begin, learning_rate, weight_decay);
  });
}

void LanesBackend::do_momentum_step(const Tensor& theta, const Tensor& velocity,
                                    const Tensor& gradient, const MomentumOptions& options) {
  threads_.share(elements(theta.shape), [&](Range range, std::int64_t /*thread*/) {
    kernels::momentum_step(plain_data(theta) + range.begin, plain_data(velocity) + range.begin,
                           plain_data(gradient) + range.begin, range.end - range.begin, options);
  });
}

}  // namespace mvsgd::nn::lanes
