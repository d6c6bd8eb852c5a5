#include "nn/step_memory.hpp"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "nn/backend.hpp"
#include "nn/buffer_pool.hpp"
#include "nn/resnet18.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn {
namespace {

/// Memory that is not there: null pointers, counted while somebody holds them.
class Rehearsed {
 public:
  explicit Rehearsed(bool pooled) : pool_(pooled ? BufferPool::rehearse() : nullptr) {}

  std::shared_ptr<float> take(std::int64_t count) {
    if (pool_) return pool_->take(count);
    // From here on malloc() asks the system for whole pages (sim/main.cpp keeps it there).
    constexpr std::size_t kMapped = std::size_t{1} << 17U;
    constexpr std::size_t kPage = 4096;
    std::size_t size = static_cast<std::size_t>(count) * sizeof(float);
    if (size >= kMapped) size = (size / kPage + 1) * kPage;
    *live_ += size;
    most_ = std::max(most_, *live_);
    return {nullptr, [live = live_, size](float*) { *live -= size; }};
  }

  [[nodiscard]] std::size_t most() const { return pool_ ? pool_->resident() : most_; }

 private:
  std::shared_ptr<BufferPool> pool_;
  std::shared_ptr<std::size_t> live_ = std::make_shared<std::size_t>(0);
  std::size_t most_ = 0;
};

struct RehearsedStorage : Storage {
  std::shared_ptr<float> memory;
  bool plain = true;
};

RehearsedStorage& storage(const Tensor& x) { return static_cast<RehearsedStorage&>(*x.storage); }

/// Computes nothing: makes the tensors that a backend makes, and lets go of them when it does.
class Rehearsal final : public Backend {
 public:
  explicit Rehearsal(const KernelMemory& kernels) : kernels_(kernels), memory_(kernels.pooled) {}

  [[nodiscard]] std::size_t most() const { return memory_.most(); }

  [[nodiscard]] std::string version() const override { return ""; }
  void enter(int /*threads*/) override {}
  void fill_zero(const Tensor& /*x*/) override {}

 private:
  Tensor make(const Shape& shape, bool plain) {
    auto made = std::make_shared<RehearsedStorage>();
    made->plain = plain || !kernels_.activation;
    made->memory = memory_.take(made->plain ? elements(shape) : kernels_.activation(shape));
    return {.shape = shape, .storage = std::move(made)};
  }
  Tensor made_of(std::initializer_list<const Tensor*> given) {
    for (const Tensor* x : given) {
      const bool own = x->storage.use_count() == 1 && storage(*x).memory.use_count() == 1;
      if (kernels_.in_place && own) return *x;
    }
    return make((*given.begin())->shape, false);
  }
  Tensor as_activation(const Tensor& x) {
    return storage(x).plain && kernels_.activation ? make(x.shape, false) : x;
  }
  std::vector<std::shared_ptr<float>> scratch(Pass pass, const ConvolutionProblem& problem) {
    std::vector<std::shared_ptr<float>> held;
    for (const std::int64_t count : kernels_.scratch(pass, problem)) {
      held.push_back(memory_.take(count));
    }
    return held;
  }

  Tensor do_allocate(const Shape& shape) override { return make(shape, true); }
  Tensor do_view(const Tensor& flat, std::int64_t /*offset*/, const Shape& shape) override {
    auto part = std::make_shared<RehearsedStorage>();
    part->memory = storage(flat).memory;
    return {.shape = shape, .storage = std::move(part)};
  }
  void do_write(const Tensor& /*to*/, std::span<const float> /*from*/) override {}
  void do_read(const Tensor& /*from*/, std::span<float> /*to*/) override {}
  void do_accumulate(const Tensor& y, const Tensor& x) override {
    if (storage(y).plain != storage(x).plain) static_cast<void>(make(x.shape, storage(y).plain));
  }

  Tensor do_conv2d(const Tensor& x, const Tensor& /*w*/,
                   const ConvolutionProblem& problem) override {
    const Tensor from = as_activation(x);
    Tensor y = make(problem.y, false);
    static_cast<void>(scratch(Pass::forward, problem));
    return y;
  }
  Tensor do_conv2d_backward_data(const Tensor& dy, const Tensor& /*w*/,
                                 const ConvolutionProblem& problem) override {
    const Tensor from = as_activation(dy);
    Tensor dx = make(problem.x, false);
    static_cast<void>(scratch(Pass::backward_data, problem));
    return dx;
  }
  void do_conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& /*dw*/,
                                  Into /*into*/, const ConvolutionProblem& problem) override {
    const Tensor from = as_activation(x);
    const Tensor gradient = as_activation(dy);
    static_cast<void>(scratch(Pass::backward_weights, problem));
  }

  BatchNormForward do_batch_norm_train(const Tensor& x, const Tensor& /*gamma*/,
                                       const Tensor& /*beta*/, const RunningStatistics& /*running*/,
                                       const Tensor& residual,
                                       const BatchNormOptions& /*options*/) override {
    const Tensor from = as_activation(x);
    return {.y = make(x.shape, false), .saved = {}, .residual = static_cast<bool>(residual)};
  }
  BatchNormGradients do_batch_norm_backward(Tensor dy, const Tensor& more, Tensor x,
                                            const Tensor& /*gamma*/,
                                            const BatchNormForward& forward,
                                            const Tensor& /*dgamma*/, const Tensor& /*dbeta*/,
                                            const BatchNormOptions& options) override {
    const bool rectified_sum = forward.residual && options.relu;
    const Tensor from = as_activation(std::exchange(x, {}));
    Tensor gradient = as_activation(std::exchange(dy, {}));
    if (more && !(kernels_.in_place && rectified_sum)) gradient = made_of({&gradient});
    Tensor dx = forward.residual ? made_of({&from}) : made_of({&gradient, &from});
    Tensor dv = rectified_sum ? made_of({&gradient}) : gradient;
    return {.dx = std::move(dx), .dresidual = forward.residual ? std::move(dv) : Tensor{}};
  }
  Tensor do_batch_norm_evaluate(const Tensor& x, const Tensor& /*gamma*/, const Tensor& /*beta*/,
                                const RunningStatistics& /*running*/, const Tensor& /*residual*/,
                                const BatchNormOptions& /*options*/) override {
    const Tensor from = as_activation(x);
    return make(x.shape, false);
  }

  Tensor do_global_average_pool(const Tensor& x) override {
    return make({x.shape[0], x.shape[1]}, true);
  }
  Tensor do_global_average_pool_backward(const Tensor& /*dy*/, const Tensor& x) override {
    return make(x.shape, false);
  }
  Tensor do_linear(const Tensor& x, const Tensor& w, const Tensor& /*b*/) override {
    return make({x.shape[0], w.shape[0]}, true);
  }
  Tensor do_linear_backward_data(const Tensor& dy, const Tensor& w) override {
    return make({dy.shape[0], w.shape[1]}, true);
  }
  void do_linear_backward_weights(const Tensor& /*x*/, const Tensor& /*dy*/, const Tensor& /*dw*/,
                                  const Tensor& /*db*/) override {}
  CrossEntropy do_softmax_cross_entropy(const Tensor& logits,
                                        std::span<const std::uint8_t> /*labels*/) override {
    return {.dlogits = make(logits.shape, true)};
  }
  void do_sgd_step(const Tensor& /*theta*/, const Tensor& /*gradient*/, float /*learning_rate*/,
                   float /*weight_decay*/) override {}
  void do_momentum_step(const Tensor& /*theta*/, const Tensor& /*velocity*/,
                        const Tensor& /*gradient*/, const MomentumOptions& /*options*/) override {}

  KernelMemory kernels_;
  Rehearsed memory_;
};

}  // namespace

std::size_t step_memory(const KernelMemory& kernels, std::int64_t width, std::int64_t batch,
                        std::span<const std::int64_t> evaluated) {
  constexpr std::int64_t kChannels = 3;
  constexpr std::int64_t kSide = 32;
  Rehearsal backend(kernels);
  ResNet18 model(backend, {.width = width});
  const auto labels = [](std::int64_t images) {
    return std::vector<std::uint8_t>(static_cast<std::size_t>(images));
  };
  const auto train = [&] {
    const Tensor images = backend.allocate({batch, kChannels, kSide, kSide});
    static_cast<void>(model.train(images, labels(batch)));
  };
  // The second step takes buffers in another order, as some are still held.
  for (int step = 0; step < 2 && batch > 0; ++step) train();
  for (const std::int64_t images : evaluated) {
    const Tensor loaded = backend.allocate({images, kChannels, kSide, kSide});
    static_cast<void>(model.evaluate(loaded, labels(images), BatchNormMode::running));
  }
  const std::int64_t parameters = elements(model.parameters().shape);
  const std::int64_t kept = kernels.kept ? kernels.kept(parameters) : 0;
  return backend.most() + static_cast<std::size_t>(kept) * sizeof(float);
}

}  // namespace mvsgd::nn
