// How fast the server of SSGD-MV-RS draws its mask, beside a loop that draws until K are distinct.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "bench/supports.hpp"
#include "bench/throughput.hpp"
#include "compress/vote/random_selection.hpp"

namespace mvsgd {
namespace {

using compress::Index;

bool is_selection(const std::vector<std::uint32_t>& counts, std::size_t k,
                  const std::vector<Index>& mask) {
  return mask.size() == k && std::is_sorted(mask.begin(), mask.end(), std::less_equal<>()) &&
         std::all_of(mask.begin(), mask.end(), [&](Index i) { return counts[i] > 0; });
}

// Items: votes, N * K. Bytes: the voted coordinates and their counts, read once.
void BM_RandomSelection(benchmark::State& state) {
  const auto supports = bench::independent_supports(state.range(0), state.range(1));
  const auto counts = bench::counts_of(supports, state.range(0));
  compress::VoteTally tally(counts.size());
  tally.count(supports);
  const std::size_t k = supports.front().size();
  const auto mask = random_selection(tally, k, 1, 1);
  if (!is_selection(counts, k, mask)) return state.SkipWithError("wrong mask");
  // The definition takes minutes at the larger size.
  if (state.range(0) <= 1 << 16 &&
      mask != compress::random_selection_by_scanning(counts, k, 1, 1)) {
    return state.SkipWithError("not the definition's mask");
  }
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    auto drawn = random_selection(tally, k, 1, 1);
    benchmark::DoNotOptimize(drawn.data());
  }
  bench::report_items(state, supports.size() * k);
  bench::report_bytes(state, 8 * tally.voted().size(), bench::thread_seconds() - start);
}

// The loop that Algorithm 1 line 15 gives in words, on a list of all ballots. It has the same
// distribution but draws other numbers. Items: votes, N * K.
void BM_DrawUntilDistinct(benchmark::State& state) {
  const auto supports = bench::independent_supports(state.range(0), state.range(1));
  const auto counts = bench::counts_of(supports, state.range(0));
  const std::size_t k = supports.front().size();
  std::vector<Index> ballots;
  for (const auto& support : supports)
    ballots.insert(ballots.end(), support.begin(), support.end());
  std::vector<bool> taken(counts.size());
  const auto draw = [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Index> mask;
    while (mask.size() < k) {
      const Index i = ballots[random() % ballots.size()];
      if (!taken[i]) mask.push_back(i);
      taken[i] = true;
    }
    for (const Index i : mask) taken[i] = false;
    std::sort(mask.begin(), mask.end());
    return mask;
  };
  if (!is_selection(counts, k, draw(1))) return state.SkipWithError("wrong mask");
  for (auto _ : state) {
    auto drawn = draw(1);
    benchmark::DoNotOptimize(drawn.data());
  }
  bench::report_items(state, supports.size() * k);
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"d", "N"})
      ->Args({1 << 16, 10})
      ->Args({bench::kResNet18, 10})
      ->Unit(benchmark::kMillisecond);
}
// The sizes by which the table of compress/README.md shows costs to grow as N K + K log N K.
void growth(benchmark::internal::Benchmark* b) {
  b->ArgNames({"d", "N"})->Unit(benchmark::kMillisecond);
  for (const std::int64_t d : {100'000, 1'000'000, 10'000'000, 100'000'000}) b->Args({d, 10});
  for (const std::int64_t workers : {30, 100, 300, 1000}) b->Args({1'000'000, workers});
}
BENCHMARK(BM_RandomSelection)->Apply(sizes);
BENCHMARK(BM_RandomSelection)->Name("BM_RandomSelection/growth")->Apply(growth);
BENCHMARK(BM_DrawUntilDistinct)->Apply(sizes);

}  // namespace
}  // namespace mvsgd
