// A backend that passes every call to another and sums the time of each kind of call: the profile
// of a training step by operation.
#pragma once

#include <time.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "bench/throughput.hpp"
#include "nn/backend.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::bench {

class ProfiledBackend : public nn::Backend {
 public:
  enum Kind : std::size_t {
    conv_forward,
    conv_data,
    conv_weights,
    batch_norm,
    batch_norm_backward_,
    accumulate_,
    sgd,
    other,
    kinds
  };
  static constexpr std::array<std::string_view, kinds> kNames{
      "conv", "conv_bwd_data", "conv_bwd_weights", "batch_norm", "batch_norm_bwd", "accumulate",
      "sgd",  "other"};

  explicit ProfiledBackend(std::unique_ptr<nn::Backend> inner) : inner_(std::move(inner)) {}

  /// This thread's CPU time in calls of each kind since the last reset(), in seconds.
  [[nodiscard]] const std::array<double, kinds>& seconds() const { return seconds_; }
  void reset() { seconds_ = {}; }

  [[nodiscard]] std::string version() const override { return inner_->version(); }
  void enter(int threads) override { inner_->enter(threads); }

  void fill_zero(const nn::Tensor& x) override {
    const Timer timer(seconds_[other]);
    inner_->fill_zero(x);
  }

 private:
  nn::Tensor do_allocate(const nn::Shape& shape) override {
    const Timer timer(seconds_[other]);
    return inner_->allocate(shape);
  }
  nn::Tensor do_view(const nn::Tensor& flat, std::int64_t offset, const nn::Shape& shape) override {
    return inner_->view(flat, offset, shape);
  }
  void do_write(const nn::Tensor& to, std::span<const float> from) override {
    const Timer timer(seconds_[other]);
    inner_->write(to, from);
  }
  void do_read(const nn::Tensor& from, std::span<float> to) override {
    const Timer timer(seconds_[other]);
    inner_->read(from, to);
  }
  void do_accumulate(const nn::Tensor& y, const nn::Tensor& x) override {
    const Timer timer(seconds_[accumulate_]);
    inner_->accumulate(y, x);
  }

  nn::Tensor do_conv2d(const nn::Tensor& x, const nn::Tensor& w,
                       const nn::ConvolutionProblem& problem) override {
    const Timer timer(seconds_[conv_forward]);
    return inner_->conv2d(x, w, problem.options);
  }
  nn::Tensor do_conv2d_backward_data(const nn::Tensor& dy, const nn::Tensor& w,
                                     const nn::ConvolutionProblem& problem) override {
    const Timer timer(seconds_[conv_data]);
    return inner_->conv2d_backward_data(dy, w, problem.x, problem.options);
  }
  void do_conv2d_backward_weights(const nn::Tensor& x, const nn::Tensor& dy, const nn::Tensor& dw,
                                  nn::Into into, const nn::ConvolutionProblem& problem) override {
    const Timer timer(seconds_[conv_weights]);
    inner_->conv2d_backward_weights(x, dy, dw, into, problem.options);
  }

  nn::BatchNormForward do_batch_norm_train(const nn::Tensor& x, const nn::Tensor& gamma,
                                           const nn::Tensor& beta,
                                           const nn::RunningStatistics& running,
                                           const nn::Tensor& residual,
                                           const nn::BatchNormOptions& options) override {
    const Timer timer(seconds_[batch_norm]);
    return inner_->batch_norm_train(x, gamma, beta, running, residual, options);
  }
  nn::BatchNormGradients do_batch_norm_backward(nn::Tensor dy, const nn::Tensor& more, nn::Tensor x,
                                                const nn::Tensor& gamma,
                                                const nn::BatchNormForward& forward,
                                                const nn::Tensor& dgamma, const nn::Tensor& dbeta,
                                                const nn::BatchNormOptions& options) override {
    const Timer timer(seconds_[batch_norm_backward_]);
    return inner_->batch_norm_backward(std::move(dy), more, std::move(x), gamma, forward, dgamma,
                                       dbeta, options);
  }
  nn::Tensor do_batch_norm_evaluate(const nn::Tensor& x, const nn::Tensor& gamma,
                                    const nn::Tensor& beta, const nn::RunningStatistics& running,
                                    const nn::Tensor& residual,
                                    const nn::BatchNormOptions& options) override {
    const Timer timer(seconds_[batch_norm]);
    return inner_->batch_norm_evaluate(x, gamma, beta, running, residual, options);
  }

  nn::Tensor do_global_average_pool(const nn::Tensor& x) override {
    const Timer timer(seconds_[other]);
    return inner_->global_average_pool(x);
  }
  nn::Tensor do_global_average_pool_backward(const nn::Tensor& dy, const nn::Tensor& x) override {
    const Timer timer(seconds_[other]);
    return inner_->global_average_pool_backward(dy, x);
  }
  nn::Tensor do_linear(const nn::Tensor& x, const nn::Tensor& w, const nn::Tensor& b) override {
    const Timer timer(seconds_[other]);
    return inner_->linear(x, w, b);
  }
  nn::Tensor do_linear_backward_data(const nn::Tensor& dy, const nn::Tensor& w) override {
    const Timer timer(seconds_[other]);
    return inner_->linear_backward_data(dy, w);
  }
  void do_linear_backward_weights(const nn::Tensor& x, const nn::Tensor& dy, const nn::Tensor& dw,
                                  const nn::Tensor& db) override {
    const Timer timer(seconds_[other]);
    inner_->linear_backward_weights(x, dy, dw, db);
  }
  nn::CrossEntropy do_softmax_cross_entropy(const nn::Tensor& logits,
                                            std::span<const std::uint8_t> labels) override {
    const Timer timer(seconds_[other]);
    return inner_->softmax_cross_entropy(logits, labels);
  }
  void do_sgd_step(const nn::Tensor& theta, const nn::Tensor& gradient, float learning_rate,
                   float weight_decay) override {
    const Timer timer(seconds_[sgd]);
    inner_->sgd_step(theta, gradient, learning_rate, weight_decay);
  }
  void do_momentum_step(const nn::Tensor& theta, const nn::Tensor& velocity,
                        const nn::Tensor& gradient, const nn::MomentumOptions& options) override {
    const Timer timer(seconds_[sgd]);
    inner_->momentum_step(theta, velocity, gradient, options);
  }

  // Adds the time between its construction and its destruction.
  class Timer {
   public:
    explicit Timer(double& sum) : sum_(&sum) {}
    ~Timer() { *sum_ += thread_seconds() - start_; }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

   private:
    double* sum_;
    double start_ = thread_seconds();
  };

  std::unique_ptr<nn::Backend> inner_;
  std::array<double, kinds> seconds_{};
};

}  // namespace mvsgd::bench
