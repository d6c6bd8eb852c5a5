// How fast a worker's local step is, by width and batch, and where its time goes; and how fast the
// network is evaluated. One kernel thread for each worker.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/profiled_backend.hpp"
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

// Forward and backward pass and SGD on a batch of one pattern an image.
void BM_TrainingStep(benchmark::State& state) {
  const ResNet18Options options{.width = state.range(0)};
  const std::int64_t batch = state.range(1);
  bench::ProfiledBackend profiled(make_backend());
  Backend* const backend = &profiled;
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
  profiled.reset();
  const double start = bench::thread_seconds();
  for (auto _ : state) benchmark::DoNotOptimize(step());
  const double whole = bench::thread_seconds() - start;
  state.SetItemsProcessed(state.iterations() * batch);
  for (std::size_t kind = 0; kind < bench::ProfiledBackend::kinds; ++kind) {
    state.counters[std::string(bench::ProfiledBackend::kNames[kind]) + "_pct"] =
        100 * profiled.seconds()[kind] / whole;
  }
}
BENCHMARK(BM_TrainingStep)
    ->ArgNames({"width", "batch"})
    ->ArgsProduct({{8, 16, 32, 64}, {16, 64, 256}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
// Workers of a core each.
BENCHMARK(BM_TrainingStep)
    ->ArgNames({"width", "batch"})
    ->ArgsProduct({{16, 64}, {64}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Threads(2);

}  // namespace
}  // namespace mvsgd::nn
