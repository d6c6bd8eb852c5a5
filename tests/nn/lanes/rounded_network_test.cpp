// A whole training step with precision = bf16 by float32's loops is, to the bit, float32's step of
// a network that rounds where it is defined to.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/lanes/make_lanes.hpp"
#include "nn/resnet18.hpp"
#include "nn/shape_checks.hpp"
#include "tests/nn/lanes/lanes_tensors.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using lanes::testing::winograd_backend;
using testing::read;

// The definition: float32's operations of plain tensors, with every argument of a convolution,
// every result of a batch norm and its input's gradient rounded in between.
class Rounding final : public Backend {
 public:
  [[nodiscard]] std::string version() const override { return ""; }
  void enter(int threads) override { inner_->enter(threads); }
  void fill_zero(const Tensor& x) override { inner_->fill_zero(x); }

 private:
  [[nodiscard]] Tensor rounded(const Tensor& x) {
    std::vector<float> values = testing::read(*inner_, x);
    std::ranges::transform(values, values.begin(), lanes::testing::rounded_to_bf16);
    return testing::make(*inner_, x.shape, values);
  }

  Tensor do_conv2d(const Tensor& x, const Tensor& w, const ConvolutionProblem& problem) override {
    return inner_->conv2d(rounded(x), rounded(w), problem.options);
  }
  Tensor do_conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                 const ConvolutionProblem& problem) override {
    return inner_->conv2d_backward_data(rounded(dy), rounded(w), problem.x, problem.options);
  }
  void do_conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw, Into into,
                                  const ConvolutionProblem& problem) override {
    inner_->conv2d_backward_weights(rounded(x), rounded(dy), dw, into, problem.options);
  }
  BatchNormForward do_batch_norm_train(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                       const RunningStatistics& running, const Tensor& residual,
                                       const BatchNormOptions& options) override {
    BatchNormForward made = inner_->batch_norm_train(x, gamma, beta, running, residual, options);
    made.y = rounded(made.y);
    return made;
  }
  BatchNormGradients do_batch_norm_backward(Tensor dy, const Tensor& more, Tensor x,
                                            const Tensor& gamma, const BatchNormForward& forward,
                                            const Tensor& dgamma, const Tensor& dbeta,
                                            const BatchNormOptions& options) override {
    BatchNormGradients made = inner_->batch_norm_backward(std::move(dy), more, std::move(x), gamma,
                                                          forward, dgamma, dbeta, options);
    made.dx = rounded(made.dx);
    return made;
  }
  Tensor do_batch_norm_evaluate(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                const RunningStatistics& running, const Tensor& residual,
                                const BatchNormOptions& options) override {
    return rounded(inner_->batch_norm_evaluate(x, gamma, beta, running, residual, options));
  }

  // All else is float32's.
  Tensor do_allocate(const Shape& shape) override { return inner_->allocate(shape); }
  Tensor do_view(const Tensor& flat, std::int64_t offset, const Shape& shape) override {
    return inner_->view(flat, offset, shape);
  }
  void do_write(const Tensor& to, std::span<const float> from) override { inner_->write(to, from); }
  void do_read(const Tensor& from, std::span<float> to) override { inner_->read(from, to); }
  void do_accumulate(const Tensor& y, const Tensor& x) override { inner_->accumulate(y, x); }
  Tensor do_global_average_pool(const Tensor& x) override { return inner_->global_average_pool(x); }
  Tensor do_global_average_pool_backward(const Tensor& dy, const Tensor& x) override {
    return inner_->global_average_pool_backward(dy, x);
  }
  Tensor do_linear(const Tensor& x, const Tensor& w, const Tensor& b) override {
    return inner_->linear(x, w, b);
  }
  Tensor do_linear_backward_data(const Tensor& dy, const Tensor& w) override {
    return inner_->linear_backward_data(dy, w);
  }
  void do_linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                  const Tensor& db) override {
    inner_->linear_backward_weights(x, dy, dw, db);
  }
  CrossEntropy do_softmax_cross_entropy(const Tensor& logits,
                                        std::span<const std::uint8_t> labels) override {
    return inner_->softmax_cross_entropy(logits, labels);
  }
  void do_sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                   float weight_decay) override {
    inner_->sgd_step(theta, gradient, learning_rate, weight_decay);
  }
  void do_momentum_step(const Tensor& theta, const Tensor& velocity, const Tensor& gradient,
                        const MomentumOptions& options) override {
    inner_->momentum_step(theta, velocity, gradient, options);
  }

  std::unique_ptr<Backend> inner_ = winograd_backend(false);
};

struct Trained {
  double loss = 0;
  std::vector<float> gradient, buffers, logits;
};

// Two steps, and an evaluation.
Trained train(Backend& backend) {
  constexpr std::int64_t kImages = 19;
  const ResNet18Options options{.width = 8};
  ResNet18 net(backend, options);
  backend.write(net.parameters(), initial_parameters(resnet18_parameters(options), 1));
  backend.write(net.buffers(), initial_buffers(resnet18_buffers(options)));
  const std::vector<float> images = testing::uniform(kImages * 3 * 32 * 32, 2);
  Trained trained;
  for (int step = 0; step < 2; ++step) {
    trained.loss = net.train(images, testing::labels(kImages, 3)).loss;
    backend.sgd_step(net.parameters(), net.gradients(), 0.1F, 1e-4F);
  }
  trained.gradient = read(backend, net.gradients());
  trained.buffers = read(backend, net.buffers());
  trained.logits = net.logits(images, BatchNormMode::running);
  return trained;
}

TEST(RoundedNetwork, StepsToTheBitsOfItsDefinition) {
  Rounding definition;
  const Trained want = train(definition);
  const Trained got = train(*winograd_backend(true));
  EXPECT_EQ(got.loss, want.loss);
  EXPECT_TRUE(got.gradient == want.gradient);
  EXPECT_TRUE(got.buffers == want.buffers);
  EXPECT_EQ(got.logits, want.logits);
  EXPECT_NE(got.loss, train(*winograd_backend(false)).loss) << "nothing was rounded";
}

}  // namespace
}  // namespace mvsgd::nn
