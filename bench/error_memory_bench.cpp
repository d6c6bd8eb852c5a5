// How fast the error memory adds a difference and gives up what a mask selects.
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "bench/throughput.hpp"
#include "compress/select/error_memory.hpp"

namespace mvsgd {
namespace {

using compress::Index;

std::vector<float> values(std::int64_t d, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> x(static_cast<std::size_t>(d));
  for (float& value : x) value = static_cast<float>(random() >> 40) * 1e-9F - 8e-3F;
  return x;
}

// Every hundredth coordinate on average.
std::vector<Index> mask(std::int64_t d) {
  std::mt19937_64 random(7);
  std::vector<Index> chosen;
  for (std::int64_t i = 0; i < d; ++i) {
    if (random() % 100 == 0) chosen.push_back(static_cast<Index>(i));
  }
  return chosen;
}

// Bytes: both thetas and e are read and e is written, so 16d.
void BM_AddDifference(benchmark::State& state) {
  const auto theta_h = values(state.range(0), 1);
  const auto theta_0 = values(state.range(0), 2);
  auto e = values(state.range(0), 3);
  const float expected = (theta_h.back() - theta_0.back()) + e.back();
  compress::add_difference(theta_h, theta_0, e);
  if (e.back() != expected) return state.SkipWithError("wrong error");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    compress::add_difference(theta_h, theta_0, e);
    benchmark::ClobberMemory();
  }
  bench::report_bytes(state, 16 * e.size(), bench::thread_seconds() - start);
}

// Bytes: an index, a value and its copy, so 12 a coordinate.
void BM_Gather(benchmark::State& state) {
  const auto chosen = mask(state.range(0));
  const auto x = values(state.range(0), 3);
  std::vector<float> gathered(chosen.size());
  compress::gather(x, chosen, gathered);
  for (std::size_t j = 0; j < chosen.size(); ++j) {
    if (gathered[j] != x[chosen[j]]) return state.SkipWithError("wrong selection");
  }
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    compress::gather(x, chosen, gathered);
    benchmark::ClobberMemory();
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, chosen.size());
  bench::report_bytes(state, 12 * chosen.size(), seconds);
}

// Bytes: an index, the value sent, and e read and written, so 16 a coordinate.
void BM_SubtractSent(benchmark::State& state) {
  const auto chosen = mask(state.range(0));
  auto e = values(state.range(0), 3);
  std::vector<float> sent(chosen.size());
  compress::gather(e, chosen, sent);
  compress::subtract_sent(chosen, sent, e);
  for (const Index i : chosen) {
    if (e[i] != 0.0F) return state.SkipWithError("wrong error");
  }
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    compress::subtract_sent(chosen, sent, e);
    benchmark::ClobberMemory();
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, chosen.size());
  bench::report_bytes(state, 16 * chosen.size(), seconds);
}

// Bytes: an index, a value, and y read and written, so 16 a coordinate.
void BM_ScatterAdd(benchmark::State& state) {
  const auto chosen = mask(state.range(0));
  const auto update = values(static_cast<std::int64_t>(chosen.size()), 4);
  auto y = values(state.range(0), 5);
  const float expected = y[chosen.back()] + update.back();
  compress::scatter_add(chosen, update, y);
  if (y[chosen.back()] != expected) return state.SkipWithError("wrong sum");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    compress::scatter_add(chosen, update, y);
    benchmark::ClobberMemory();
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, chosen.size());
  bench::report_bytes(state, 16 * chosen.size(), seconds);
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgName("d")->Arg(1 << 16)->Arg(bench::kResNet18)->Unit(benchmark::kMicrosecond);
}
BENCHMARK(BM_AddDifference)->Apply(sizes);
BENCHMARK(BM_Gather)->Apply(sizes);
BENCHMARK(BM_SubtractSent)->Apply(sizes);
BENCHMARK(BM_ScatterAdd)->Apply(sizes);

}  // namespace
}  // namespace mvsgd
