// How fast the exact top-K support is found, beside its definition and nth_element.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "bench/throughput.hpp"
#include "compress/top_k.hpp"

namespace mvsgd {
namespace {

using compress::Index;
using Selection = std::vector<Index> (*)(std::span<const float>, std::size_t);

std::vector<float> gradient(std::int64_t d) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal(0.0F, 1e-3F);
  std::vector<float> x(static_cast<std::size_t>(d));
  for (float& value : x) value = normal(random);
  return x;
}

// What the standard library offers: a selection on an array of indices.
std::vector<Index> by_nth_element(std::span<const float> x, std::size_t k) {
  std::vector<Index> order(x.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                   [&](Index i, Index j) {
                     const float a = std::fabs(x[i]);
                     const float b = std::fabs(x[j]);
                     return a > b || (a == b && i < j);
                   });
  order.resize(k);
  std::sort(order.begin(), order.end());
  return order;
}

// The k = d / one_in largest of d normal values. Bytes: x, read once, so 4d.
void BM_TopKSupport(benchmark::State& state, Selection select) {
  const auto x = gradient(state.range(0));
  const auto k = static_cast<std::size_t>(state.range(0) / state.range(1));
  if (select(x, k) != by_nth_element(x, k)) return state.SkipWithError("wrong support");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    auto support = select(x, k);
    benchmark::DoNotOptimize(support.data());
  }
  bench::report_bytes(state, 4 * x.size(), bench::thread_seconds() - start);
}

constexpr Selection kSampled = compress::top_k_support;
constexpr Selection kSorting = compress::top_k_support_by_sorting;
constexpr Selection kNthElement = by_nth_element;

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"d", "one_in"})
      ->ArgsProduct({{1 << 16, bench::kResNet18}, {100, 1000}})
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(BM_TopKSupport, sampled, kSampled)
    ->Name("BM_TopKSupport/impl:sampled")
    ->Apply(sizes);
BENCHMARK_CAPTURE(BM_TopKSupport, nth_element, kNthElement)
    ->Name("BM_TopKSupport/impl:nth_element")
    ->Apply(sizes);
BENCHMARK_CAPTURE(BM_TopKSupport, sorting, kSorting)
    ->Name("BM_TopKSupport/impl:sorting")
    ->ArgNames({"d", "one_in"})
    ->Args({1 << 16, 100})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mvsgd
