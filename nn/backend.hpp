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
#include <stdexcept>
#include <string>

#include "nn/image_store.hpp"
#include "nn/repeated_step.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::nn {

/// A library that a backend calls has refused. what() has the operation, the problem string, the
/// library and its reason.
class BackendError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What was asked for is not to be had on this machine, or with this library. what() has what, and
/// where it is.
class UnavailableError : public BackendError {
 public:
  using BackendError::BackendError;
};

/// Whether a result replaces what is there or is added to it.
enum class Into : std::uint8_t { overwrite, add };

struct Conv2dOptions {
  std::int64_t stride = 1;
  std::int64_t padding = 0;  ///< zeros on each side of H and of W

  friend bool operator==(const Conv2dOptions&, const Conv2dOptions&) = default;
};

struct BatchNormOptions {
  float epsilon = 1e-5F;
  float momentum = 0.1F;  ///< the share of the new batch in the running statistics
  bool relu = false;      ///< max(0, .) of the result, the residual added, in the same pass
};

/// Running statistics of one batch norm, each [C] and plain.
struct RunningStatistics {
  Tensor mean;
  Tensor variance;
};

/// What batch_norm_train leaves for its backward pass.
struct BatchNormForward {
  Tensor y;                        ///< [N, C, H, W]
  std::shared_ptr<Storage> saved;  ///< batch statistics
  bool residual = false;           ///< one was added
};

struct BatchNormGradients {
  Tensor dx;
  Tensor dresidual;  ///< empty if there was no residual
};

struct CrossEntropy {
  double loss = 0;           ///< mean over the batch, natural logarithm
  std::int64_t correct = 0;  ///< images whose largest logit (the first of equals) is the label's
  Tensor dlogits;            ///< [N, classes], the gradient of loss
};

/// One thread at a time uses a backend. Backends are made once a compute slot and keep caches
/// (primitives, buffers), so that a steady training step allocates nothing large.
///
/// Every kernel is a function of its arguments' values alone: neither threads nor earlier calls
/// change a bit of its result. Arguments keep their values, but for tensors that are handed over
/// (by value): their memory may be used again if nobody else holds it. All throw
/// std::invalid_argument, naming the shapes, if they do not fit together, and BackendError if a
/// library refuses. "+=" marks results that are added to.
class Backend {
 public:
  Backend() = default;
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  [[nodiscard]] virtual std::string name() const = 0;
  /// The library behind it and its version, for config.toml; "" if there is none.
  [[nodiscard]] virtual std::string version() const = 0;

  /// The calling thread is about to use this backend, with `threads` threads to a kernel. Called
  /// whenever a thread takes over the backend: OpenMP's count belongs to the calling thread.
  virtual void enter(int threads) = 0;

  /// A copy of the images where this backend computes; null if that is the host. Throws
  /// std::invalid_argument if the sizes do not fit together, BackendError if a library refuses.
  [[nodiscard]] virtual std::unique_ptr<const ImageStore> hold_images(
      const ImageBytes& /*images*/) {
    return nullptr;
  }

  /// For a network's training step, if this backend keeps steps; null if not.
  [[nodiscard]] virtual std::unique_ptr<RepeatedStep> repeated_step() { return nullptr; }

  // Storage.
  [[nodiscard]] virtual Tensor allocate(const Shape& shape) = 0;  ///< plain, zero
  /// elements(shape) elements of the plain `flat` from `offset`; shares its storage.
  [[nodiscard]] virtual Tensor view(const Tensor& flat, std::int64_t offset,
                                    const Shape& shape) = 0;
  virtual void write(const Tensor& to, std::span<const float> from) = 0;  ///< plain `to`
  virtual void read(const Tensor& from, std::span<float> to) = 0;         ///< any layout
  virtual void fill_zero(const Tensor& x) = 0;                            ///< plain
  virtual void accumulate(const Tensor& y, const Tensor& x) = 0;          ///< y += x, any layouts

  /// Cross-correlation without bias (in ResNet a batch norm follows every one).
  ///   y[n,o,i,j] = sum over c,u,v of x[n, c, i*s + u - p, j*s + v - p] * w[o,c,u,v]
  /// with s = stride, p = padding, x zero outside its bounds.
  ///   x [N,C,H,W]   w [O,C,R,S] plain   y [N,O,H',W'], H' = floor((H + 2p - R) / s) + 1
  [[nodiscard]] virtual Tensor conv2d(const Tensor& x, const Tensor& w,
                                      const Conv2dOptions& options) = 0;
  [[nodiscard]] virtual Tensor conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                                    const Shape& x_shape,
                                                    const Conv2dOptions& options) = 0;
  virtual void conv2d_backward_weights(const Tensor& x, const Tensor& dy,
                                       const Tensor& dw /* plain */, Into into,
                                       const Conv2dOptions& options) = 0;

  /// y = gamma * (x - mean) / sqrt(var + epsilon) + beta over N, H, W, with the batch's mean and
  /// biased variance. running <- (1 - momentum) * running + momentum * (mean, var * m / (m - 1)),
  /// m = N*H*W: the running variance takes the unbiased one (facts: as PyTorch). `running` may be
  /// empty tensors: then nothing is updated. gamma, beta [C] plain. `residual`, of x's shape, is
  /// added to y, before ReLU, unless it is an empty tensor: a residual block ends in one pass.
  [[nodiscard]] virtual BatchNormForward batch_norm_train(const Tensor& x, const Tensor& gamma,
                                                          const Tensor& beta,
                                                          const RunningStatistics& running,
                                                          const Tensor& residual,
                                                          const BatchNormOptions& options) = 0;
  /// The gradient of y is dy + more, or dy alone if `more` is an empty tensor.
  [[nodiscard]] virtual BatchNormGradients batch_norm_backward(Tensor dy, const Tensor& more,
                                                               Tensor x, const Tensor& gamma,
                                                               const BatchNormForward& forward,
                                                               const Tensor& dgamma /* += */,
                                                               const Tensor& dbeta /* += */,
                                                               const BatchNormOptions& options) = 0;
  /// The same affine map with the running statistics.
  [[nodiscard]] virtual Tensor batch_norm_evaluate(const Tensor& x, const Tensor& gamma,
                                                   const Tensor& beta,
                                                   const RunningStatistics& running,
                                                   const Tensor& residual,
                                                   const BatchNormOptions& options) = 0;

  [[nodiscard]] virtual Tensor relu(const Tensor& x) = 0;
  /// max(0, a + b): the end of a residual block, in one pass.
  [[nodiscard]] virtual Tensor add_relu(const Tensor& a, const Tensor& b) = 0;
  /// dy where y > 0, else 0: the backward pass of relu, and of add_relu for both arguments.
  [[nodiscard]] virtual Tensor relu_backward(const Tensor& dy, const Tensor& y) = 0;

  /// [N,C,H,W] -> [N,C]: the mean over H, W.
  [[nodiscard]] virtual Tensor global_average_pool(const Tensor& x) = 0;
  /// `x` gives the shape and the layout.
  [[nodiscard]] virtual Tensor global_average_pool_backward(const Tensor& dy, const Tensor& x) = 0;

  /// y = x w^T + b.   x [N,C]   w [O,C]   b [O]   y [N,O]
  [[nodiscard]] virtual Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) = 0;
  [[nodiscard]] virtual Tensor linear_backward_data(const Tensor& dy, const Tensor& w) = 0;
  virtual void linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw /* += */,
                                       const Tensor& db /* += */) = 0;

  /// Mean negative log-likelihood of softmax(logits). logits [N, classes], labels [N].
  [[nodiscard]] virtual CrossEntropy softmax_cross_entropy(
      const Tensor& logits, std::span<const std::uint8_t> labels) = 0;

  /// theta <- theta - learning_rate * (gradient + weight_decay * theta), eq 12 with L2
  /// regularisation. Both [d], plain. Each product and sum is rounded once, in the order written.
  virtual void sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                        float weight_decay) = 0;
};

}  // namespace mvsgd::nn
