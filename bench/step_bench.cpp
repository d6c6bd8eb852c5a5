// How fast a worker's local step is, by width and batch, and where its time goes; and how fast the
// network is evaluated. One kernel thread for each worker.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "bench/network.hpp"
#include "bench/profiled_backend.hpp"
#include "nn/onednn/make_onednn.hpp"

namespace mvsgd::nn {
namespace {

std::unique_ptr<Backend> make_backend(const OneDnnOptions& options) {
  std::unique_ptr<Backend> backend = make_onednn_backend(options);
  backend->enter(1);
  return backend;
}

void BM_TrainingStep(benchmark::State& state, const OneDnnOptions& options) {
  if (options.bf16 && !onednn_has_bf16()) return state.SkipWithError("no bfloat16 here");
  bench::ProfiledBackend backend(make_backend(options));
  bench::Network network(backend, state.range(0), state.range(1));
  if (!bench::is_right(network.step(backend))) return state.SkipWithError("wrong answer");
  backend.reset();
  const double start = bench::thread_seconds();
  for (auto _ : state) benchmark::DoNotOptimize(network.step(backend));
  const double whole = bench::thread_seconds() - start;
  state.SetItemsProcessed(state.iterations() * state.range(1));
  for (std::size_t kind = 0; kind < bench::ProfiledBackend::kinds; ++kind) {
    state.counters[std::string(bench::ProfiledBackend::kNames[kind]) + "_pct"] =
        benchmark::Counter(100 * backend.seconds()[kind] / whole, benchmark::Counter::kAvgThreads);
  }
}

void BM_Evaluation(benchmark::State& state) {
  const std::unique_ptr<Backend> backend = make_backend({});
  bench::Network network(*backend, state.range(0), state.range(1));
  if (!bench::is_right(network.evaluate())) return state.SkipWithError("wrong answer");
  for (auto _ : state) benchmark::DoNotOptimize(network.evaluate());
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

void every_size(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"width", "batch"})
      ->ArgsProduct({{8, 16, 32, 64}, {16, 64, 256}})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}
void two_sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"width", "batch"})
      ->ArgsProduct({{16, 64}, {64}})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}
// As runs have it, and what each choice is worth.
BENCHMARK_CAPTURE(BM_TrainingStep, table, OneDnnOptions{})->Apply(every_size);
BENCHMARK_CAPTURE(BM_TrainingStep, direct, OneDnnOptions{.convolution = ConvolutionChoice::direct})
    ->Apply(two_sizes);
BENCHMARK_CAPTURE(BM_TrainingStep, bf16, OneDnnOptions{.bf16 = true})->Apply(two_sizes);
// Workers of a core each.
BENCHMARK_CAPTURE(BM_TrainingStep, table, OneDnnOptions{})->Apply(two_sizes)->Threads(2);
BENCHMARK(BM_Evaluation)->Apply(two_sizes);

}  // namespace
}  // namespace mvsgd::nn
