// The lanes backend's class.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/backend.hpp"
#include "nn/buffer_pool.hpp"
#include "nn/lanes/bf16_convolution.hpp"
#include "nn/lanes/convolution.hpp"
#include "nn/lanes/loops.hpp"
#include "nn/lanes/make_lanes.hpp"
#include "nn/lanes/parallel.hpp"
#include "nn/lanes/storage.hpp"

namespace mvsgd::nn::lanes {

/// Used by one thread at a time, as Backend says. Results depend neither on the threads given to
/// enter() nor on the instruction set.
class LanesBackend : public Backend {
 public:
  /// Throws std::invalid_argument unless this processor has options.isa.
  explicit LanesBackend(const LanesOptions& options);

  [[nodiscard]] std::string version() const override;
  void enter(int threads) override;

  void fill_zero(const Tensor& x) override;

  [[nodiscard]] const BufferPool& pool() const { return *pool_; }  ///< of all its tensors
  [[nodiscard]] lanes::Isa isa() const { return options_.isa; }    ///< of its loops

 private:
  Tensor do_allocate(const Shape& shape) override;
  Tensor do_view(const Tensor& flat, std::int64_t offset, const Shape& shape) override;
  void do_write(const Tensor& to, std::span<const float> from) override;
  void do_read(const Tensor& from, std::span<float> to) override;
  void do_accumulate(const Tensor& y, const Tensor& x) override;
  Tensor do_conv2d(const Tensor& x, const Tensor& w, const ConvolutionProblem& problem) override;
  Tensor do_conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                 const ConvolutionProblem& problem) override;
  void do_conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw, Into into,
                                  const ConvolutionProblem& problem) override;
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

  // A tensor that is not initialised.
  [[nodiscard]] Tensor make_plain(const Shape& shape);
  [[nodiscard]] Tensor make_activation(const Shape& shape);
  // Where to write a result of the first one's shape: the first of these tensors that nobody else
  // holds, else a new tensor. Element i of a result is written after element i of the arguments is
  // read.
  [[nodiscard]] Tensor made_of(std::initializer_list<const Tensor*> given);
  // x, or a copy with images in the lanes if it is plain.
  [[nodiscard]] Tensor in_lanes(Tensor x);
  // Whether convolutions are float32's, of arguments rounded to bfloat16. Batch norm then rounds
  // what it gives to them.
  [[nodiscard]] bool rounds() const { return options_.bf16 && !bf16_; }
  // What a convolution reads of x: images in the lanes, rounded where it rounds() and x is not.
  [[nodiscard]] Tensor argument(const Tensor& x);
  [[nodiscard]] Engine engine() const { return {loops_, *pool_, threads_, rounds()}; }

  LanesOptions options_;
  const Loops& loops_;
  Threads threads_{1};
  std::shared_ptr<BufferPool> pool_ = BufferPool::make();
  // Scratch of batch norm, kept so that a step need not allocate it.
  std::vector<Moments> moments_of_images_;
  std::vector<ImageSums> sums_of_images_;
  std::optional<Bf16Convolutions> bf16_;  // with options_.bf16, unless by Winograd
};

}  // namespace mvsgd::nn::lanes
