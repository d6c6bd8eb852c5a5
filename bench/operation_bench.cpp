// How fast the operations of a training step are other than convolutions, at ResNet-18's shapes
// (width 64, batch 64), in nn/lanes and in nn/onednn. Memory bounds them all, so they are shown
// against memcpy. There is one kernel thread, so CPU time counts.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/throughput.hpp"
#include "nn/lanes/make_lanes.hpp"
#include "nn/onednn/make_onednn.hpp"

namespace mvsgd::nn {
namespace {

constexpr std::int64_t kBatch = 64;
constexpr std::int64_t kClasses = 10;

// A backend, and tensors whose elements all have one value.
class Bench {
 public:
  explicit Bench(bool lanes) : backend_(lanes ? make_lanes_backend() : make_onednn_backend()) {
    backend_->enter(1);
  }

  [[nodiscard]] Backend& backend() const { return *backend_; }
  [[nodiscard]] Tensor plain(const Shape& shape, float value) const {
    Tensor x = backend_->allocate(shape);
    backend_->write(x, std::vector<float>(static_cast<std::size_t>(elements(shape)), value));
    return x;
  }
  // A tensor in the layout in which a convolution leaves its output.
  [[nodiscard]] Tensor activation(const Shape& shape, float value) const {
    const Tensor one = plain({shape[0], 1, shape[2], shape[3]}, value);
    return backend_->conv2d(one, plain({shape[1], 1, 1, 1}, 1), {});
  }
  [[nodiscard]] bool all_are(const Tensor& x, float value) const {
    std::vector<float> values(static_cast<std::size_t>(elements(x.shape)));
    backend_->read(x, values);
    return std::all_of(values.begin(), values.end(),
                       [value](float element) { return std::abs(element - value) < 1e-5F; });
  }

 private:
  std::unique_ptr<Backend> backend_;
};

// Batch norm with ReLU; with a residual it is the end of a block.
struct BatchNormCase : Bench {
  explicit BatchNormCase(const benchmark::State& state)
      : Bench(state.range(3) != 0),
        shape{kBatch, state.range(0), state.range(1), state.range(1)},
        bytes(4 * static_cast<std::size_t>(elements(shape))),
        x(activation(shape, 3)),
        residual(state.range(2) != 0 ? activation(shape, 1) : Tensor{}),
        gamma(plain({shape[1]}, 1)),
        beta(plain({shape[1]}, 2)) {}

  [[nodiscard]] BatchNormForward forward() const {
    return backend().batch_norm_train(x, gamma, beta, {}, residual, {.relu = true});
  }

  Shape shape;
  std::size_t bytes;
  Tensor x;
  Tensor residual;
  Tensor gamma;
  Tensor beta;
};

// Reads x and any residual, and writes y. It reads x twice, first for the moments; the second read
// is from the caches where they hold x.
void BM_BatchNorm(benchmark::State& state) {
  const BatchNormCase norm(state);
  // The input equals its mean, so beta and the residual are left.
  if (!norm.all_are(norm.forward().y, norm.residual ? 3 : 2)) {
    return state.SkipWithError("wrong answer");
  }
  const double start = bench::thread_seconds();
  for (auto _ : state) benchmark::DoNotOptimize(norm.forward());
  bench::report_bytes(state, (norm.residual ? 3 : 2) * norm.bytes, bench::thread_seconds() - start);
}

// Reads x, dy and, for ReLU at the end of a block, y. Writes dx and the residual's gradient.
void BM_BatchNormBackward(benchmark::State& state) {
  const BatchNormCase norm(state);
  const BatchNormForward forward = norm.forward();
  const Tensor dgamma = norm.plain({norm.shape[1]}, 0);
  const Tensor dbeta = norm.plain({norm.shape[1]}, 0);
  const Tensor dy = norm.activation(norm.shape, 1);
  const auto backward = [&] {
    return norm.backend().batch_norm_backward(dy, {}, norm.x, norm.gamma, forward, dgamma, dbeta,
                                              {.relu = true});
  };
  // Batch norm removes a gradient that is the same everywhere.
  if (!norm.all_are(backward().dx, 0)) return state.SkipWithError("wrong answer");
  const double start = bench::thread_seconds();
  for (auto _ : state) benchmark::DoNotOptimize(backward());
  bench::report_bytes(state, (norm.residual ? 5 : 3) * norm.bytes, bench::thread_seconds() - start);
}

void stages(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"c", "h", "residual", "lanes"})->Unit(benchmark::kMicrosecond);
  for (const std::int64_t lanes : {0, 1}) {
    for (const std::int64_t residual : {0, 1}) {
      for (std::int64_t stage = 0; stage < 4; ++stage) {
        bench->Args({std::int64_t{64} << stage, std::int64_t{32} >> stage, residual, lanes});
      }
    }
  }
}
BENCHMARK(BM_BatchNorm)->Apply(stages);
BENCHMARK(BM_BatchNormBackward)->Apply(stages);

// The pool, the linear layer and the loss, forward and backward.
void BM_Head(benchmark::State& state) {
  const Bench bench(state.range(0) != 0);
  Backend& backend = bench.backend();
  const Tensor x = bench.activation({kBatch, 512, 4, 4}, 1);
  const Tensor w = bench.plain({kClasses, 512}, 0.5F);
  const Tensor b = bench.plain({kClasses}, 1);
  const Tensor dw = bench.plain({kClasses, 512}, 0);
  const Tensor db = bench.plain({kClasses}, 0);
  const std::vector<std::uint8_t> labels(kBatch, 3);
  const auto run = [&] {
    const Tensor pooled = backend.global_average_pool(x);
    const CrossEntropy loss = backend.softmax_cross_entropy(backend.linear(pooled, w, b), labels);
    backend.linear_backward_weights(pooled, loss.dlogits, dw, db);
    const Tensor dx =
        backend.global_average_pool_backward(backend.linear_backward_data(loss.dlogits, w), x);
    benchmark::DoNotOptimize(dx);
    return loss.loss;
  };
  // All logits are equal.
  if (std::abs(run() - std::log(10.0)) > 1e-6) return state.SkipWithError("wrong answer");
  const double start = bench::thread_seconds();
  for (auto _ : state) benchmark::DoNotOptimize(run());
  bench::report_bytes(state, 2 * 4 * static_cast<std::size_t>(elements(x.shape)),
                      bench::thread_seconds() - start);
}
BENCHMARK(BM_Head)->ArgName("lanes")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

// The updates are both backends' (nn/host_kernels.hpp). theta and the gradient are read, theta is
// written.
void BM_SgdStep(benchmark::State& state) {
  const Bench bench(true);
  const Tensor theta = bench.plain({state.range(0)}, 1);
  const Tensor gradient = bench.plain({state.range(0)}, 2);
  bench.backend().sgd_step(theta, gradient, 0.25F, 0);
  if (!bench.all_are(theta, 0.5F)) return state.SkipWithError("wrong answer");
  const double start = bench::thread_seconds();
  for (auto _ : state) bench.backend().sgd_step(theta, gradient, 1e-6F, 1e-4F);
  bench::report_bytes(state, 3 * 4 * static_cast<std::size_t>(state.range(0)),
                      bench::thread_seconds() - start);
}
BENCHMARK(BM_SgdStep)
    ->ArgName("d")
    ->Arg(701466)
    ->Arg(bench::kResNet18)
    ->Unit(benchmark::kMicrosecond);

// theta, velocity and the gradient are read, theta and velocity are written.
void BM_MomentumStep(benchmark::State& state) {
  const Bench bench(true);
  const Tensor theta = bench.plain({state.range(0)}, 1);
  const Tensor velocity = bench.plain({state.range(0)}, 4);
  const Tensor gradient = bench.plain({state.range(0)}, 2);
  bench.backend().momentum_step(theta, velocity, gradient,
                                {.learning_rate = 0.25F, .momentum = 0.5F});
  if (!bench.all_are(theta, 0)) return state.SkipWithError("wrong answer");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    bench.backend().momentum_step(
        theta, velocity, gradient,
        {.learning_rate = 1e-6F, .weight_decay = 1e-4F, .momentum = 0.9F});
  }
  bench::report_bytes(state, 5 * 4 * static_cast<std::size_t>(state.range(0)),
                      bench::thread_seconds() - start);
}
BENCHMARK(BM_MomentumStep)
    ->ArgName("d")
    ->Arg(701466)
    ->Arg(bench::kResNet18)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mvsgd::nn
