// How fast the server counts votes and chooses the mask.
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "bench/supports.hpp"
#include "bench/throughput.hpp"
#include "compress/vote/majority_vote.hpp"

namespace mvsgd {
namespace {

using compress::best_isa;
using compress::Isa;
using compress::TieBreak;
using compress::VoteTally;

// A round of the server: it clears the counts, counts the votes and chooses the mask. Items: votes,
// N * K. Bytes: the supports read, the voted coordinates and their counts written and read, the
// mask written.
void BM_TallyAndMask(benchmark::State& state, TieBreak::Rule rule, Isa isa) {
  if (bench::skips_large(state)) return;
  const auto all = bench::independent_supports(state.range(0), state.range(1));
  const std::size_t k = all.front().size();
  const TieBreak tie = {.rule = rule, .seed = 1, .round = 1};
  VoteTally tally(static_cast<std::size_t>(state.range(0)), isa);
  tally.count(all);
  if (!bench::is_majority(bench::counts_of(all, state.range(0)), k,
                          majority_mask(tally, k, tie, isa))) {
    return state.SkipWithError("wrong mask");
  }
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    tally.count(all);
    auto mask = majority_mask(tally, k, tie, isa);
    benchmark::DoNotOptimize(mask.data());
  }
  bench::report_items(state, all.size() * k);
  bench::report_bytes(state, 4 * (all.size() + 1) * k + 16 * tally.voted().size(),
                      bench::thread_seconds() - start);
}

// Counting alone.
void BM_Tally(benchmark::State& state) {
  const auto all = bench::independent_supports(state.range(0), state.range(1));
  const std::size_t items = all.size() * all.front().size();
  VoteTally tally(static_cast<std::size_t>(state.range(0)));
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    tally.count(all);
    benchmark::DoNotOptimize(tally.counts().data());
  }
  bench::report_items(state, items);
  bench::report_bytes(state, 4 * items + 8 * tally.voted().size(), bench::thread_seconds() - start);
  const auto counts = tally.counts();
  if (std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}) != items) {
    state.SkipWithError("wrong counts");
  }
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"d", "N"})
      ->Args({1 << 16, 10})
      ->Args({bench::kResNet18, 10})
      ->Unit(benchmark::kMillisecond);
}
// The sizes by which the table of compress/README.md shows that costs are linear.
void growth(benchmark::internal::Benchmark* b) {
  b->ArgNames({"d", "N"})->Unit(benchmark::kMillisecond);
  for (const std::int64_t d : {100'000, 1'000'000, 10'000'000, 100'000'000}) b->Args({d, 10});
  for (const std::int64_t workers : {30, 100, 300, 1000}) {
    for (const std::int64_t d : {100'000, 1'000'000}) b->Args({d, workers});
  }
}

void large(benchmark::internal::Benchmark* b) {
  b->ArgNames({"d", "N"})->Args({bench::kLarge, 10})->Unit(benchmark::kMillisecond);
}

BENCHMARK(BM_Tally)->Apply(sizes);
BENCHMARK_CAPTURE(BM_TallyAndMask, growth, TieBreak::Rule::random, best_isa())
    ->Name("BM_TallyAndMask/growth")
    ->Apply(growth);
BENCHMARK_CAPTURE(BM_TallyAndMask, large, TieBreak::Rule::random, best_isa())
    ->Name("BM_TallyAndMask/large")
    ->Apply(large);
BENCHMARK_CAPTURE(BM_TallyAndMask, random, TieBreak::Rule::random, best_isa())
    ->Name("BM_TallyAndMask/tie:random")
    ->Apply(sizes);
BENCHMARK_CAPTURE(BM_TallyAndMask, portable, TieBreak::Rule::random, Isa::portable)
    ->Name("BM_TallyAndMask/tie:random/isa:portable")
    ->Apply(sizes);
BENCHMARK_CAPTURE(BM_TallyAndMask, avx2, TieBreak::Rule::random, Isa::avx2)
    ->Name("BM_TallyAndMask/tie:random/isa:avx2")
    ->Apply(sizes);
BENCHMARK_CAPTURE(BM_TallyAndMask, index, TieBreak::Rule::index, best_isa())
    ->Name("BM_TallyAndMask/tie:index")
    ->Apply(sizes);

}  // namespace
}  // namespace mvsgd
