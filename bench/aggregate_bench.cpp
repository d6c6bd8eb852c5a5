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

// One worker's values. Items: values. Bytes: the values and the sum are read and the sum is
// written, so 12 a value.
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

// Items: values. Bytes: the sum read and written, so 8 a value. The divisor is one, which leaves
// the sum as it is: the division takes as long as by N, while repeated division by N would end in
// denormals.
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
