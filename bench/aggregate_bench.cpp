// How fast the server adds up the workers' values and takes their mean.
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "bench/throughput.hpp"
#include "compress/values/aggregate.hpp"

namespace mvsgd {
namespace {

std::vector<float> values(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> x(size);
  for (float& value : x) value = static_cast<float>(random() >> 40) * 1e-9F - 8e-3F;
  return x;
}

// One worker's values. Items: values. Bytes: they and the sum read, the sum written, so 12 a value.
void BM_AddValues(benchmark::State& state) {
  const auto received = values(static_cast<std::size_t>(state.range(0)), 1);
  auto sum = values(received.size(), 2);
  const float expected = sum.back() + received.back();
  compress::add_values(received, sum);
  if (sum.back() != expected) return state.SkipWithError("wrong sum");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    compress::add_values(received, sum);
    benchmark::ClobberMemory();
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, sum.size());
  bench::report_bytes(state, 12 * sum.size(), seconds);
}

// Items: values. Bytes: the sum read and written, so 8 a value. By one, which leaves it as it is: a
// division takes as long, and ever smaller values would end as denormals.
void BM_DivideByWorkers(benchmark::State& state) {
  auto sum = values(static_cast<std::size_t>(state.range(0)), 1);
  const float last = sum.back();
  compress::divide_by_workers(10, sum);
  if (sum.back() != last / 10.0F) return state.SkipWithError("wrong mean");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    compress::divide_by_workers(1, sum);
    benchmark::ClobberMemory();
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, sum.size());
  bench::report_bytes(state, 8 * sum.size(), seconds);
}

// K and d of the paper's ResNet-18: a sparse round, and a dense one.
void sizes(benchmark::internal::Benchmark* b) {
  b->ArgName("values")->Arg(111740)->Arg(bench::kResNet18)->Unit(benchmark::kMicrosecond);
}
BENCHMARK(BM_AddValues)->Apply(sizes);
BENCHMARK(BM_DivideByWorkers)->Apply(sizes);

}  // namespace
}  // namespace mvsgd
