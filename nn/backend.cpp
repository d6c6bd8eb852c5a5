#include "nn/backend.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "nn/shape_checks.hpp"

namespace mvsgd::nn {

Tensor Backend::allocate(const Shape& shape) {
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 0; })) {
    refuse("allocate", {{"shape", shape}});
  }
  return do_allocate(shape);
}

Tensor Backend::view(const Tensor& flat, std::int64_t offset, const Shape& shape) {
  const std::int64_t size = elements(flat.shape);
  if (offset < 0 || offset > size || elements(shape) > size - offset) {
    refuse("view at " + std::to_string(offset), {{"shape", shape}, {"of", flat.shape}});
  }
  return do_view(flat, offset, shape);
}

void Backend::write(const Tensor& to, std::span<const float> from) {
  if (std::ssize(from) != elements(to.shape)) {
    refuse("write of " + std::to_string(from.size()) + " values", {{"to", to.shape}});
  }
  do_write(to, from);
}

void Backend::read(const Tensor& from, std::span<float> to) {
  if (std::ssize(to) != elements(from.shape)) {
    refuse("read of " + std::to_string(to.size()) + " values", {{"from", from.shape}});
  }
  do_read(from, to);
}

void Backend::accumulate(const Tensor& y, const Tensor& x) {
  check_same("accumulate", y, x);
  do_accumulate(y, x);
}

Tensor Backend::conv2d(const Tensor& x, const Tensor& w, const Conv2dOptions& options) {
  return do_conv2d(x, w, {x.shape, w.shape, options});
}

Tensor Backend::conv2d_backward_data(const Tensor& dy, const Tensor& w, const Shape& x_shape,
                                     const Conv2dOptions& options) {
  const ConvolutionProblem problem(x_shape, w.shape, options);
  if (dy.shape != problem.y) {
    refuse("conv2d_backward_data", {{"dy", dy.shape}, {"w", w.shape}, {"x", x_shape}});
  }
  return do_conv2d_backward_data(dy, w, problem);
}

void Backend::conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                      Into into, const Conv2dOptions& options) {
  const ConvolutionProblem problem(x.shape, dw.shape, options);
  if (dy.shape != problem.y) {
    refuse("conv2d_backward_weights", {{"x", x.shape}, {"dy", dy.shape}, {"dw", dw.shape}});
  }
  do_conv2d_backward_weights(x, dy, dw, into, problem);
}

BatchNormForward Backend::batch_norm_train(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                           const RunningStatistics& running, const Tensor& residual,
                                           const BatchNormOptions& options) {
  check_batch_norm(x, gamma, beta);
  check_residual(residual, x);
  if (running.mean) {
    check_running(running, gamma);
    if (elements(x.shape) / x.shape[1] < 2) {
      refuse("batch_norm: the unbiased variance of one", {{"x", x.shape}});
    }
  }
  return do_batch_norm_train(x, gamma, beta, running, residual, options);
}

BatchNormGradients Backend::batch_norm_backward(Tensor dy, const Tensor& more, Tensor x,
                                                const Tensor& gamma,
                                                const BatchNormForward& forward,
                                                const Tensor& dgamma, const Tensor& dbeta,
                                                const BatchNormOptions& options) {
  check_batch_norm(x, gamma, gamma);
  check_same("batch_norm_backward", dy, x);
  if (more) check_same("batch_norm_backward", more, x);
  check_same("batch_norm_backward", forward.y, x);
  check_same("batch_norm_backward", dgamma, gamma);
  check_same("batch_norm_backward", dbeta, gamma);
  return do_batch_norm_backward(std::move(dy), more, std::move(x), gamma, forward, dgamma, dbeta,
                                options);
}

Tensor Backend::batch_norm_evaluate(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                    const RunningStatistics& running, const Tensor& residual,
                                    const BatchNormOptions& options) {
  check_batch_norm(x, gamma, beta);
  check_running(running, gamma);
  check_residual(residual, x);
  return do_batch_norm_evaluate(x, gamma, beta, running, residual, options);
}

Tensor Backend::global_average_pool(const Tensor& x) {
  if (x.shape.size() != 4 || elements(x.shape) < 1) refuse("global_average_pool", {{"x", x.shape}});
  return do_global_average_pool(x);
}

Tensor Backend::global_average_pool_backward(const Tensor& dy, const Tensor& x) {
  if (x.shape.size() != 4 || dy.shape != Shape{x.shape[0], x.shape[1]}) {
    refuse("global_average_pool_backward", {{"dy", dy.shape}, {"x", x.shape}});
  }
  return do_global_average_pool_backward(dy, x);
}

Tensor Backend::linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  check_linear(x.shape, w.shape, {x.shape.empty() ? 0 : x.shape[0], elements(b.shape)});
  return do_linear(x, w, b);
}

Tensor Backend::linear_backward_data(const Tensor& dy, const Tensor& w) {
  check_linear({dy.shape.empty() ? 0 : dy.shape[0], w.shape.size() == 2 ? w.shape[1] : 0}, w.shape,
               dy.shape);
  return do_linear_backward_data(dy, w);
}

void Backend::linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                      const Tensor& db) {
  check_linear(x.shape, dw.shape, dy.shape);
  if (db.shape != Shape{dw.shape[0]}) {
    refuse("linear_backward_weights", {{"db", db.shape}, {"dy", dy.shape}});
  }
  do_linear_backward_weights(x, dy, dw, db);
}

CrossEntropy Backend::softmax_cross_entropy(const Tensor& logits,
                                            std::span<const std::uint8_t> labels) {
  check_labels(logits, labels);
  return do_softmax_cross_entropy(logits, labels);
}

void Backend::sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                       float weight_decay) {
  check_same("sgd_step", theta, gradient);
  do_sgd_step(theta, gradient, learning_rate, weight_decay);
}

void Backend::momentum_step(const Tensor& theta, const Tensor& velocity, const Tensor& gradient,
                            const MomentumOptions& options) {
  check_same("momentum_step", theta, velocity);
  check_same("momentum_step", theta, gradient);
  do_momentum_step(theta, velocity, gradient, options);
}

}  // namespace mvsgd::nn
