// How fast the server adds up the workers' values and takes their mean.
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "bench/throughput.hpp"
#include "compress/aggregate.hpp"

namespace mvsgd {
namespace {

constexpr std::uint32_t kWorkers = 10;

std::vector<float> values(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> x(size);
  for (float& value : x) value = static_cast<float>(random() >> 40) * 1e-9F - 8e-3F;
  return x;
}

// The sum's part of a round: the values of each worker after the first are added, and the mean is
// taken. Items: values, N * size. Bytes: for each worker after the first its values and the sum
// read, the sum written; for the mean the sum read and written; so 4 (3 (N - 1) + 2) a value. The
// workers' values stand in one vector, as they do in the server.
void BM_Aggregate(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::vector<float> received = values(size, 1);
  std::vector<float> sum = received;
  const auto aggregate = [&] {
    for (std::uint32_t n = 1; n < kWorkers; ++n) compress::add_values(received, sum);
    compress::divide_by_workers(kWorkers, sum);
  };
  aggregate();
  float expected = received.back();
  for (std::uint32_t n = 1; n < kWorkers; ++n) expected += received.back();
  if (sum.back() != expected / static_cast<float>(kWorkers)) {
    return state.SkipWithError("wrong mean");
  }
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    aggregate();
    benchmark::ClobberMemory();
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, kWorkers * size);
  bench::report_bytes(state, 4 * (3 * (kWorkers - 1) + 2) * size, seconds);
}

// K and d of the paper's ResNet-18: a sparse round, and a dense one.
BENCHMARK(BM_Aggregate)
    ->ArgName("values")
    ->Arg(111740)
    ->Arg(bench::kResNet18)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mvsgd
