// How fast the server counts votes and chooses the mask.
#include <algorithm>
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
using compress::Index;
using compress::Isa;
using compress::TieBreak;
using compress::VoteCounts;
using compress::VoteTally;

bool is_chosen(const VoteCounts& votes, const std::vector<Index>& mask) {
  std::vector<bool> in(votes.counts().size());
  std::uint32_t fewest = ~0U;
  for (const Index i : mask) {
    in[i] = true;
    fewest = std::min(fewest, votes.counts()[i]);
  }
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in[i] && votes.counts()[i] > fewest) return false;
  }
  return true;
}

// Items: votes, N * K. Bytes: the supports, read once.
void BM_CountVotes(benchmark::State& state) {
  const auto all = bench::independent_supports(state.range(0), state.range(1));
  const std::size_t items = all.size() * all.front().size();
  VoteCounts votes(static_cast<std::size_t>(state.range(0)));
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    votes.clear();
    for (const auto& support : all) votes.add(support);
    benchmark::DoNotOptimize(votes.counts().data());
  }
  bench::report_items(state, items);
  bench::report_bytes(state, 4 * items, bench::thread_seconds() - start);
  std::uint64_t sum = 0;
  for (const std::uint32_t count : votes.counts()) sum += count;
  if (sum != items) state.SkipWithError("wrong counts");
}

// Items: votes, N * K. Bytes: the counts, read once.
void BM_MajorityMask(benchmark::State& state, TieBreak::Rule rule) {
  const auto all = bench::independent_supports(state.range(0), state.range(1));
  const std::size_t k = all.front().size();
  VoteCounts votes(static_cast<std::size_t>(state.range(0)));
  for (const auto& support : all) votes.add(support);
  const TieBreak tie = {.rule = rule, .seed = 1, .round = 1};
  if (!is_chosen(votes, majority_mask(votes.counts(), k, tie)))
    return state.SkipWithError("wrong mask");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    auto mask = majority_mask(votes.counts(), k, tie);
    benchmark::DoNotOptimize(mask.data());
  }
  bench::report_items(state, all.size() * k);
  bench::report_bytes(state, 4 * votes.counts().size(), bench::thread_seconds() - start);
}

// A round of the server: counting, which clears what was there, and the mask. Items: votes, N * K.
// Bytes: the supports read, the voted coordinates and their counts written and read, the mask
// written.
void BM_TallyAndMask(benchmark::State& state, TieBreak::Rule rule, Isa isa) {
  if (bench::skips_large(state)) return;
  const auto all = bench::independent_supports(state.range(0), state.range(1));
  const std::size_t k = all.front().size();
  const TieBreak tie = {.rule = rule, .seed = 1, .round = 1};
  VoteTally tally(static_cast<std::size_t>(state.range(0)), isa);
  VoteCounts votes(tally.dimension());
  for (const auto& support : all) votes.add(support);
  tally.count(all);
  if (majority_mask(tally, k, tie, isa) != majority_mask(votes.counts(), k, tie)) {
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
// Whose costs the table of compress/README.md shows to be linear.
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

BENCHMARK(BM_CountVotes)->Apply(sizes);
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
BENCHMARK_CAPTURE(BM_MajorityMask, random, TieBreak::Rule::random)
    ->Name("BM_MajorityMask/tie:random")
    ->Apply(sizes);
BENCHMARK_CAPTURE(BM_MajorityMask, index, TieBreak::Rule::index)
    ->Name("BM_MajorityMask/tie:index")
    ->Apply(sizes);

}  // namespace
}  // namespace mvsgd
