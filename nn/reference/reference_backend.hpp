// The reference backend's class, in float or double. In double, finite differences can check
// gradients.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nn/backend.hpp"

namespace mvsgd::nn {

/// Row-major tensors of T and plain loops. They define what the other backends compute.
///
/// Numerics. Every sum is taken in T, one addition after the other, in a fixed order:
///   - convolution: over c, u, v (y), over o and then u, v (dx), over n and then i, j (dw), each
///     increasing;
///   - batch norm: each image's plane from its first element to its last, then the planes of all
///     images in order; the variance is that of the differences from the mean (two passes);
///   - pool, linear: increasing index; linear adds the bias last.
/// The softmax is computed in double with exp and log of nn/exp_log.hpp. Square roots and
/// divisions round correctly everywhere, so results have the same bits on every machine and for any
/// number of threads (there is one).
///
/// A NaN passes through every operation, ReLU included.
template <typename T>
class ReferenceBackend : public Backend {
 public:
  /// The elements of any tensor of this backend, row-major. For tests, which read and write doubles
  /// without rounding them to float. Throws std::invalid_argument for another backend's tensor.
  [[nodiscard]] static std::span<T> values(const Tensor& x);

  [[nodiscard]] std::string version() const override { return ""; }
  void enter(int /*threads*/) override {}

  void fill_zero(const Tensor& x) override;

 private:
  Tensor do_allocate(const Shape& shape) override;
  Tensor do_view(const Tensor& flat, std::int64_t offset, const Shape& shape) override;
  void do_write(const Tensor& to, std::span<const float> from) override;
  void do_read(const Tensor& from, std::span<float> to) override;
  void do_accumulate(const Tensor& y, const Tensor& x) override;

 protected:
  // Virtual, so that a test can round the arguments.
  Tensor do_conv2d(const Tensor& x, const Tensor& w, const ConvolutionProblem& problem) override;
  Tensor do_conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                 const ConvolutionProblem& problem) override;
  void do_conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw, Into into,
                                  const ConvolutionProblem& problem) override;

 private:
  BatchNormForward do_batch_norm_train(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                       const RunningStatistics& running, const Tensor& residual,
                                       const BatchNormOptions& options) override;
  BatchNormGradients do_batch_norm_backward(Tensor dy, const Tensor& more, Tensor x,
                                            const Tensor& gamma, const BatchNormForward& forward,
                                            const Tensor& dgamma, const Tensor& dbeta,
                                            const BatchNormOptions& options) override;
  Tensor do_batch_norm_evaluate(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                const RunningStatistics& running, const Tensor& residual,
                                const BatchNormOptions& options) override;
  Tensor do_global_average_pool(const Tensor& x) override;
  Tensor do_global_average_pool_backward(const Tensor& dy, const Tensor& x) override;
  Tensor do_linear(const Tensor& x, const Tensor& w, const Tensor& b) override;
  Tensor do_linear_backward_data(const Tensor& dy, const Tensor& w) override;
  void do_linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                  const Tensor& db) override;
  CrossEntropy do_softmax_cross_entropy(const Tensor& logits,
                                        std::span<const std::uint8_t> labels) override;
  void do_sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                   float weight_decay) override;
  void do_momentum_step(const Tensor& theta, const Tensor& velocity, const Tensor& gradient,
                        const MomentumOptions& options) override;

  struct Elements;         // the storage: a window of a shared array
  struct BatchStatistics;  // what batch_norm_train saves
};

extern template class ReferenceBackend<float>;
extern template class ReferenceBackend<double>;

}  // namespace mvsgd::nn
