// The interface of a backend: storage and the kernels that ResNet-18 needs, forward and backward.
//
//     N images    C input channels    O output channels    H, W height, width    R, S kernel's
//
// Kernels know nothing of differentiation; nn/autograd.hpp stands above them. Activations may have
// any layout; only tensors from allocate() and view() are plain (row-major float32), and only those
// are read, written, or handed in as weights.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "nn/backend_error.hpp"
#include "nn/image_store.hpp"
#include "nn/kernel_types.hpp"
#include "nn/repeated_step.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::nn {

struct ConvolutionProblem;  // nn/shape_checks.hpp

/// A backend is used by one thread at a time. Each compute slot makes its own, which keeps caches
/// (primitives, buffers), so that a steady training step allocates nothing large.
///
/// Every kernel's result is a function of its arguments' values alone: neither threads nor earlier
/// calls change a bit of it. Arguments keep their values, except tensors that are handed over (by
/// value), whose memory may be used again if nobody else holds it. All kernels throw
/// std::invalid_argument, naming the shapes, if the shapes do not fit together, and BackendError if
/// a library refuses. "+=" marks results that are added to.
///
/// Shapes are checked here, once for all backends: a backend's do_...() get shapes that fit.
class Backend {
 public:
  Backend() = default;
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  /// The library behind it and its version, for config.toml; "" if there is none.
  [[nodiscard]] virtual std::string version() const = 0;

  /// Says that the calling thread is about to use this backend, with `threads` threads to a kernel.
  /// Called whenever a thread takes over the backend, since OpenMP's count belongs to the calling
  /// thread.
  virtual void enter(int threads) = 0;

  /// A copy of the images where this backend computes; null if that is the host. Throws
  /// std::invalid_argument if the sizes do not fit together, BackendError if a library refuses.
  [[nodiscard]] virtual std::unique_ptr<const ImageStore> hold_images(
      const ImageBytes& /*images*/) {
    return nullptr;
  }

  /// What keeps a network's training step, if this backend keeps steps; null if not.
  [[nodiscard]] virtual std::unique_ptr<RepeatedStep> repeated_step() { return nullptr; }

  // Storage.
  [[nodiscard]] Tensor allocate(const Shape& shape);  ///< plain, zero
  /// A view of elements(shape) elements of the plain `flat`, from `offset` on. It shares the
  /// storage.
  [[nodiscard]] Tensor view(const Tensor& flat, std::int64_t offset, const Shape& shape);
  void write(const Tensor& to, std::span<const float> from);  ///< plain `to`
  void read(const Tensor& from, std::span<float> to);         ///< any layout
  virtual void fill_zero(const Tensor& x) = 0;                ///< plain
  void accumulate(const Tensor& y, const Tensor& x);          ///< y += x, any layouts

  /// Cross-correlation without bias (in ResNet a batch norm follows every convolution).
  ///   y[n,o,i,j] = sum over c,u,v of x[n, c, i*s + u - p, j*s + v - p] * w[o,c,u,v]
  /// with s = stride, p = padding, x zero outside its bounds.
  ///   x [N,C,H,W]   w [O,C,R,S] plain   y [N,O,H',W'], H' = floor((H + 2p - R) / s) + 1
  [[nodiscard]] Tensor conv2d(const Tensor& x, const Tensor& w, const Conv2dOptions& options);
  [[nodiscard]] Tensor conv2d_backward_data(const Tensor& dy, const Tensor& w, const Shape& x_shape,
                                            const Conv2dOptions& options);
  void conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw /* plain */,
                               Into into, const Conv2dOptions& options);

  /// y = gamma * (x - mean) / sqrt(var + epsilon) + beta over N, H, W, with the batch's mean and
  /// biased variance. running <- (1 - momentum) * running + momentum * (mean, var * m / (m - 1)), m
  /// = N*H*W: the running variance takes the unbiased one, as torch.nn.BatchNorm2d does. If
  /// `running` has empty tensors, nothing is updated. gamma, beta [C] plain. `residual` has x's
  /// shape and is added to y before ReLU, so that a residual block ends in one pass; an empty
  /// tensor means none.
  [[nodiscard]] BatchNormForward batch_norm_train(const Tensor& x, const Tensor& gamma,
                                                  const Tensor& beta,
                                                  const RunningStatistics& running,
                                                  const Tensor& residual,
                                                  const BatchNormOptions& options);
  /// The gradient of y is dy + more, or dy alone if `more` is an empty tensor.
  [[nodiscard]] BatchNormGradients batch_norm_backward(
      Tensor dy, const Tensor& more, Tensor x, const Tensor& gamma, const BatchNormForward& forward,
      const Tensor& dgamma /* += */, const Tensor& dbeta /* += */, const BatchNormOptions& options);
  /// The same affine map with the running statistics.
  [[nodiscard]] Tensor batch_norm_evaluate(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                           const RunningStatistics& running, const Tensor& residual,
                                           const BatchNormOptions& options);

  /// [N,C,H,W] -> [N,C]: the mean over H, W.
  [[nodiscard]] Tensor global_average_pool(const Tensor& x);
  /// `x` gives the shape and the layout of the result.
  [[nodiscard]] Tensor global_average_pool_backward(const Tensor& dy, const Tensor& x);

  /// y = x w^T + b.   x [N,C]   w [O,C]   b [O]   y [N,O]
  [[nodiscard]] Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b);
  [[nodiscard]] Tensor linear_backward_data(const Tensor& dy, const Tensor& w);
  void linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw /* += */,
                               const Tensor& db /* += */);

  /// Mean negative log-likelihood of softmax(logits). logits [N, classes], labels [N].
  [[nodiscard]] CrossEntropy softmax_cross_entropy(const Tensor& logits,
                                                   std::span<const std::uint8_t> labels);

  /// theta <- theta - learning_rate * (gradient + weight_decay * theta): eq 12 with L2
  /// regularisation. Both are [d], plain. Each product and sum is rounded once, in the order
  /// written.
  void sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                float weight_decay);
  /// SGD with momentum as torch.optim.SGD has it without dampening: with
  /// g = gradient + weight_decay * theta,
  ///   velocity <- momentum * velocity + g
  ///   theta <- theta - learning_rate * velocity, or, with Nesterov's,
  ///   theta <- theta - learning_rate * (g + momentum * velocity), of the new velocity.
  /// The first velocity is 0. All are [d], plain, and none is another. Each product and sum is
  /// rounded once, in the order written.
  void momentum_step(const Tensor& theta, const Tensor& velocity, const Tensor& gradient,
                     const MomentumOptions& options);

 private:
  virtual Tensor do_allocate(const Shape& shape) = 0;
  virtual Tensor do_view(const Tensor& flat, std::int64_t offset, const Shape& shape) = 0;
  virtual void do_write(const Tensor& to, std::span<const float> from) = 0;
  virtual void do_read(const Tensor& from, std::span<float> to) = 0;
  virtual void do_accumulate(const Tensor& y, const Tensor& x) = 0;
  virtual Tensor do_conv2d(const Tensor& x, const Tensor& w, const ConvolutionProblem& problem) = 0;
  virtual Tensor do_conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                         const ConvolutionProblem& problem) = 0;
  virtual void do_conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                          Into into, const ConvolutionProblem& problem) = 0;
  virtual BatchNormForward do_batch_norm_train(const Tensor& x, const Tensor& gamma,
                                               const Tensor& beta, const RunningStatistics& running,
                                               const Tensor& residual,
                                               const BatchNormOptions& options) = 0;
  virtual BatchNormGradients do_batch_norm_backward(Tensor dy, const Tensor& more, Tensor x,
                                                    const Tensor& gamma,
                                                    const BatchNormForward& forward,
                                                    const Tensor& dgamma, const Tensor& dbeta,
                                                    const BatchNormOptions& options) = 0;
  virtual Tensor do_batch_norm_evaluate(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                        const RunningStatistics& running, const Tensor& residual,
                                        const BatchNormOptions& options) = 0;
  virtual Tensor do_global_average_pool(const Tensor& x) = 0;
  virtual Tensor do_global_average_pool_backward(const Tensor& dy, const Tensor& x) = 0;
  virtual Tensor do_linear(const Tensor& x, const Tensor& w, const Tensor& b) = 0;
  virtual Tensor do_linear_backward_data(const Tensor& dy, const Tensor& w) = 0;
  virtual void do_linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                          const Tensor& db) = 0;
  virtual CrossEntropy do_softmax_cross_entropy(const Tensor& logits,
                                                std::span<const std::uint8_t> labels) = 0;
  virtual void do_sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                           float weight_decay) = 0;
  virtual void do_momentum_step(const Tensor& theta, const Tensor& velocity, const Tensor& gradient,
                                const MomentumOptions& options) = 0;
};

}  // namespace mvsgd::nn
