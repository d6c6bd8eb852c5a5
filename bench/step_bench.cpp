// How fast a worker's local step is: the training step by width and batch, and each convolution of
// ResNet-18 on its own, which says where a step's time goes. One kernel thread, so CPU time.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "nn/onednn/onednn_backend.hpp"
#include "nn/resnet18.hpp"

namespace mvsgd::nn {
namespace {

constexpr std::int64_t kBatch = 64;

std::unique_ptr<Backend> make_backend() {
  std::unique_ptr<Backend> backend = make_onednn_backend();
  backend->enter(1);
  return backend;
}

Tensor ones(Backend& backend, const Shape& shape) {
  Tensor x = backend.allocate(shape);
  backend.write(x, std::vector<float>(static_cast<std::size_t>(elements(shape)), 1));
  return x;
}

double sum(Backend& backend, const Tensor& x) {
  std::vector<float> values(static_cast<std::size_t>(elements(x.shape)));
  backend.read(x, values);
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// Forward and backward pass and SGD on a batch of one pattern an image.
void BM_TrainingStep(benchmark::State& state) {
  const ResNet18Options options{.width = state.range(0)};
  const std::int64_t batch = state.range(1);
  const std::unique_ptr<Backend> backend = make_backend();
  ResNet18 net(*backend, options);
  backend->write(net.parameters(), initial_parameters(resnet18_parameters(options), 1));
  backend->write(net.buffers(), initial_buffers(resnet18_buffers(options)));

  std::vector<float> images(static_cast<std::size_t>(batch) * 3 * 32 * 32);
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i] = static_cast<float>(i * 2654435761U >> 8U & 0xffU) / 128 - 1;
  }
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(batch));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint8_t>(i % 10);

  const auto step = [&] {
    const BatchResult result = net.train(images, labels);
    backend->sgd_step(net.parameters(), net.gradients(), 0.01F, 1e-4F);
    return result.loss;
  };
  // Logits of an untrained network are small, so its loss is near that of equal ones.
  if (std::abs(step() - std::log(10.0)) > 1) return state.SkipWithError("wrong answer");
  for (auto _ : state) benchmark::DoNotOptimize(step());
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(BM_TrainingStep)
    ->ArgNames({"width", "batch"})
    ->ArgsProduct({{8, 16, 32, 64}, {16, 64}})
    ->Unit(benchmark::kMillisecond);

// The convolutions of a basic block's sides, with padding so that a stride of 1 keeps the size.
struct Problem {
  std::int64_t c, h, o, r, s;

  explicit Problem(const benchmark::State& state)
      : c(state.range(0)),
        h(state.range(1)),
        o(state.range(2)),
        r(state.range(3)),
        s(state.range(4)) {}

  [[nodiscard]] Conv2dOptions options() const { return {.stride = s, .padding = r / 2}; }
  [[nodiscard]] Shape x() const { return {kBatch, c, h, h}; }
  [[nodiscard]] Shape w() const { return {o, c, r, r}; }
  [[nodiscard]] Shape y() const { return {kBatch, o, h / s, h / s}; }

  // Products of an element of x and one of w. Of x = w = dy = 1, the sum of the elements of y, of
  // dx and of dw alike.
  [[nodiscard]] double products() const {
    std::int64_t along_side = 0;
    for (std::int64_t i = 0; i < h / s; ++i) {
      for (std::int64_t u = 0; u < r; ++u) {
        const std::int64_t at = i * s + u - r / 2;
        if (at >= 0 && at < h) ++along_side;
      }
    }
    return static_cast<double>(kBatch * c * o * along_side * along_side);
  }

  void report(benchmark::State& state) const {
    state.counters["flops"] =
        benchmark::Counter(2 * products(), benchmark::Counter::kIsIterationInvariantRate);
  }
};

void BM_Convolution(benchmark::State& state) {
  const Problem problem(state);
  const std::unique_ptr<Backend> backend = make_backend();
  const Tensor x = ones(*backend, problem.x());
  const Tensor w = ones(*backend, problem.w());
  // Once through a 1x1 convolution: from then on x is in the layout that a step gives it.
  const Tensor input =
      problem.c == 3
          ? x
          : backend->relu(backend->conv2d(x, ones(*backend, {problem.c, problem.c, 1, 1}), {}));
  if (sum(*backend, backend->conv2d(x, w, problem.options())) != problem.products()) {
    return state.SkipWithError("wrong answer");
  }
  for (auto _ : state) benchmark::DoNotOptimize(backend->conv2d(input, w, problem.options()));
  problem.report(state);
}

void BM_ConvolutionBackwardData(benchmark::State& state) {
  const Problem problem(state);
  const std::unique_ptr<Backend> backend = make_backend();
  const Tensor w = ones(*backend, problem.w());
  const Tensor dy = backend->conv2d(ones(*backend, problem.x()), w, problem.options());
  const auto pass = [&](const Tensor& gradient) {
    return backend->conv2d_backward_data(gradient, w, problem.x(), problem.options());
  };
  if (sum(*backend, pass(ones(*backend, problem.y()))) != problem.products()) {
    return state.SkipWithError("wrong answer");
  }
  for (auto _ : state) benchmark::DoNotOptimize(pass(dy));
  problem.report(state);
}

void BM_ConvolutionBackwardWeights(benchmark::State& state) {
  const Problem problem(state);
  const std::unique_ptr<Backend> backend = make_backend();
  const Tensor x = ones(*backend, problem.x());
  const Tensor w = ones(*backend, problem.w());
  const Tensor dy = backend->conv2d(x, w, problem.options());
  const Tensor dw = backend->allocate(problem.w());
  const Tensor input =
      problem.c == 3
          ? x
          : backend->relu(backend->conv2d(x, ones(*backend, {problem.c, problem.c, 1, 1}), {}));
  backend->conv2d_backward_weights(x, ones(*backend, problem.y()), dw, problem.options());
  if (sum(*backend, dw) != problem.products()) return state.SkipWithError("wrong answer");
  for (auto _ : state) backend->conv2d_backward_weights(input, dy, dw, problem.options());
  problem.report(state);
}

// All of ResNet-18's at width 16 and at the paper's 64.
void convolutions(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"c", "h", "o", "r", "s"})->Unit(benchmark::kMillisecond);
  for (const std::int64_t width : {16, 64}) {
    bench->Args({3, 32, width, 3, 1});
    for (std::int64_t stage = 0; stage < 4; ++stage) {
      const std::int64_t channels = width << stage;
      const std::int64_t side = 32 >> stage;
      if (stage > 0) {
        bench->Args({channels / 2, side * 2, channels, 3, 2});
        bench->Args({channels / 2, side * 2, channels, 1, 2});
      }
      bench->Args({channels, side, channels, 3, 1});
    }
  }
}
BENCHMARK(BM_Convolution)->Apply(convolutions);
BENCHMARK(BM_ConvolutionBackwardData)->Apply(convolutions);
BENCHMARK(BM_ConvolutionBackwardWeights)->Apply(convolutions);

}  // namespace
}  // namespace mvsgd::nn
