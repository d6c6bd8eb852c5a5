// How fast a worker's local step is, by width and batch, where its time goes, and how fast the
// network is evaluated. Each worker has one kernel thread.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "bench/network.hpp"
#include "bench/profiled_backend.hpp"
#include "nn/lanes/make_lanes.hpp"
#include "nn/onednn/make_onednn.hpp"

namespace mvsgd::nn {
namespace {

using Make = std::unique_ptr<Backend> (*)();

std::unique_ptr<Backend> onednn() { return make_onednn_backend(); }
std::unique_ptr<Backend> onednn_direct() {
  return make_onednn_backend({.convolution = ConvolutionChoice::direct});
}
std::unique_ptr<Backend> onednn_bf16() { return make_onednn_backend({.bf16 = true}); }
std::unique_ptr<Backend> lanes() { return make_lanes_backend(); }
std::unique_ptr<Backend> lanes_direct() {
  return make_lanes_backend({.convolution = ConvolutionChoice::direct});
}
std::unique_ptr<Backend> lanes_bf16() {
  return make_lanes_backend({.convolution = fastest_bf16_convolution(), .bf16 = true});
}
std::unique_ptr<Backend> lanes_bf16_direct() {
  return make_lanes_backend({.convolution = ConvolutionChoice::direct, .bf16 = true});
}

/// The backend for one worker, or null: then the benchmark is skipped with the reason.
std::unique_ptr<Backend> for_a_worker(benchmark::State& state, Make make) {
  try {
    std::unique_ptr<Backend> backend = make();
    backend->enter(1);
    return backend;
  } catch (const UnavailableError& error) {
    state.SkipWithError(error.what());
    return nullptr;
  }
}

void BM_TrainingStep(benchmark::State& state, Make make) {
  const std::unique_ptr<Backend> backend = for_a_worker(state, make);
  if (!backend) return;
  bench::Network network(*backend, state.range(0), state.range(1));
  if (!bench::is_right(network.step(*backend))) return state.SkipWithError("wrong answer");
  for (auto _ : state) benchmark::DoNotOptimize(network.step(*backend));
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

/// Two readings of a clock an operation: at width 8 they are some percent of the step.
void BM_StepProfile(benchmark::State& state, Make make) {
  std::unique_ptr<Backend> inner = for_a_worker(state, make);
  if (!inner) return;
  bench::ProfiledBackend backend(std::move(inner));
  bench::Network network(backend, state.range(0), state.range(1));
  if (!bench::is_right(network.step(backend))) return state.SkipWithError("wrong answer");
  backend.reset();
  const double start = bench::thread_seconds();
  for (auto _ : state) benchmark::DoNotOptimize(network.step(backend));
  const double whole = bench::thread_seconds() - start;
  for (std::size_t kind = 0; kind < bench::ProfiledBackend::kinds; ++kind) {
    state.counters[std::string(bench::ProfiledBackend::kNames[kind]) + "_pct"] =
        100 * backend.seconds()[kind] / whole;
  }
}

void BM_Evaluation(benchmark::State& state, Make make) {
  const std::unique_ptr<Backend> backend = make();
  backend->enter(1);
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
// The backend as runs have it, then without each of its choices.
BENCHMARK_CAPTURE(BM_TrainingStep, lanes, lanes)->Apply(every_size);
BENCHMARK_CAPTURE(BM_TrainingStep, onednn, onednn)->Apply(every_size);
BENCHMARK_CAPTURE(BM_TrainingStep, lanes_direct, lanes_direct)->Apply(two_sizes);
BENCHMARK_CAPTURE(BM_TrainingStep, onednn_direct, onednn_direct)->Apply(two_sizes);
BENCHMARK_CAPTURE(BM_TrainingStep, lanes_bf16, lanes_bf16)->Apply(every_size);
BENCHMARK_CAPTURE(BM_TrainingStep, lanes_bf16_direct, lanes_bf16_direct)->Apply(two_sizes);
BENCHMARK_CAPTURE(BM_TrainingStep, onednn_bf16, onednn_bf16)->Apply(two_sizes);
// Workers that have a core each.
BENCHMARK_CAPTURE(BM_TrainingStep, lanes, lanes)->Apply(two_sizes)->Threads(2);
BENCHMARK_CAPTURE(BM_TrainingStep, onednn, onednn)->Apply(two_sizes)->Threads(2);
BENCHMARK_CAPTURE(BM_StepProfile, lanes, lanes)->Apply(every_size);
BENCHMARK_CAPTURE(BM_StepProfile, onednn, onednn)->Apply(every_size);
BENCHMARK_CAPTURE(BM_StepProfile, lanes_bf16, lanes_bf16)->Apply(every_size);
BENCHMARK_CAPTURE(BM_Evaluation, lanes, lanes)->Apply(two_sizes);
BENCHMARK_CAPTURE(BM_Evaluation, onednn, onednn)->Apply(two_sizes);

}  // namespace
}  // namespace mvsgd::nn
