// How fast a worker's local step is on a GPU, by width, batch and precision, launched kernel by
// kernel or as one graph.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <exception>
#include <memory>

#include "bench/network.hpp"
#include "nn/cuda/make_cuda.hpp"

namespace mvsgd::nn {
namespace {

// A step returns when its loss is on the host, which is after its forward pass. Its backward pass
// delays the next step, so the mean over many steps includes it.
void BM_CudaTrainingStep(benchmark::State& state) try {
  const std::int64_t batch = state.range(1);
  const auto backend = make_cuda_backend(
      {.precision = static_cast<Precision>(state.range(2)), .step_graph = state.range(3) != 0});
  backend->enter(1);
  bench::Network network(*backend, state.range(0), batch);
  if (!bench::is_right(network.step(*backend))) return state.SkipWithError("wrong answer");
  for (auto _ : state) benchmark::DoNotOptimize(network.step(*backend));
  state.SetItemsProcessed(state.iterations() * batch);
} catch (const std::exception& error) {
  state.SkipWithError(error.what());
}
BENCHMARK(BM_CudaTrainingStep)
    ->ArgNames({"width", "batch", "precision", "graph"})
    ->ArgsProduct({{8, 16, 64}, {64, 256}, {0, 1, 2}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace mvsgd::nn
