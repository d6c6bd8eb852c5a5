// How fast a worker of SSGD-MV-AD finds its changes and the server adds them to the sum.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "bench/supports.hpp"
#include "bench/throughput.hpp"
#include "compress/vote/add_drop.hpp"
#include "compress/vote/vote_sum.hpp"

namespace mvsgd {
namespace {

using compress::add_drop;
using compress::best_isa;
using compress::Index;
using compress::Isa;
using compress::VoteChange;
using compress::VoteSum;

// A worker's round with K = d / 100 and K_ad = K / 10. A third of its vote is in its top K.
struct WorkerRound {
  std::vector<float> x;
  std::vector<Index> top;
  std::vector<Index> previous;
  std::size_t k_ad;
};

WorkerRound worker_round(std::int64_t d, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.0F, 1e-3F);
  std::vector<float> before(static_cast<std::size_t>(d));
  std::vector<float> x(before.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    before[i] = normal(random);
    x[i] = before[i] + 0.6F * normal(random);
  }
  const std::size_t k = x.size() / 100;
  auto top = compress::top_k_support(x, k);
  return {.x = std::move(x),
          .top = std::move(top),
          .previous = compress::top_k_support(before, k),
          .k_ad = k / 10};
}

bool equal(const VoteChange& a, const VoteChange& b) { return a.add == b.add && a.drop == b.drop; }

// Items: coordinates of the two lists, 2 K. Bytes: the lists and their values, read once.
void BM_AddDrop(benchmark::State& state) {
  const auto [x, top, previous, k_ad] = worker_round(state.range(0), 1);
  if (!equal(add_drop(x, top, previous, k_ad),
             compress::add_drop_by_sorting(x, top, previous, k_ad))) {
    return state.SkipWithError("wrong change");
  }
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    auto change = add_drop(x, top, previous, k_ad);
    benchmark::DoNotOptimize(change.add.data());
  }
  bench::report_items(state, 2 * top.size());
  bench::report_bytes(state, 16 * top.size(), bench::thread_seconds() - start);
}

// Items: coordinates of the vote, K. Bytes: the vote, read once.
void BM_ChangedVote(benchmark::State& state) {
  const auto [x, top, previous, k_ad] = worker_round(state.range(0), 1);
  const VoteChange change = add_drop(x, top, previous, k_ad);
  const VoteChange back = {.add = change.drop, .drop = change.add};
  if (changed_vote(changed_vote(previous, change), back) != previous) {
    return state.SkipWithError("wrong vote");
  }
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    auto vote = changed_vote(previous, change);
    benchmark::DoNotOptimize(vote.data());
  }
  bench::report_items(state, previous.size());
  bench::report_bytes(state, 4 * previous.size(), bench::thread_seconds() - start);
}

// A change of each of ten workers and the changes back. Items: adds and drops, 40 K_ad. Bytes:
// their indices, read once.
void BM_VoteSum(benchmark::State& state, bool check_votes) {
  constexpr std::uint32_t kWorkers = 10;
  const auto d = static_cast<std::size_t>(state.range(0));
  std::vector<VoteChange> there;
  std::vector<VoteChange> back;
  VoteSum sum(d, {.workers = kWorkers, .k = d / 100, .k_ad = d / 1000, .check_votes = check_votes});
  for (std::uint32_t n = 0; n < kWorkers; ++n) {
    const auto [x, top, previous, k_ad] = worker_round(state.range(0), n);
    there.push_back(add_drop(x, top, previous, k_ad));
    back.push_back({.add = there[n].drop, .drop = there[n].add});
    sum.first(n, previous);
  }
  const std::vector<std::uint32_t> before = sum.counts();
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    for (std::uint32_t n = 0; n < kWorkers; ++n) sum.change(n, there[n]);
    for (std::uint32_t n = 0; n < kWorkers; ++n) sum.change(n, back[n]);
    benchmark::ClobberMemory();
  }
  const std::size_t items = std::size_t{4} * kWorkers * there.front().add.size();
  bench::report_items(state, items);
  bench::report_bytes(state, 4 * items, bench::thread_seconds() - start);
  if (sum.counts() != before) state.SkipWithError("wrong sum");
}

// The mask of ten workers' sum. Items: votes, N * K. Bytes: the counts as four bits each, read
// once.
void BM_MaskOfSum(benchmark::State& state, Isa isa) {
  if (bench::skips_large(state)) return;
  constexpr std::uint32_t kWorkers = 10;
  const auto d = static_cast<std::size_t>(state.range(0));
  const auto votes = bench::independent_supports(state.range(0), kWorkers);
  const std::size_t k = votes.front().size();
  VoteSum sum(d, {.workers = kWorkers, .k = k, .k_ad = k / 10, .isa = isa});
  for (std::uint32_t n = 0; n < kWorkers; ++n) sum.first(n, votes[n]);
  const compress::TieBreak tie = {.seed = 1, .round = 1};
  if (!bench::is_majority(sum.counts(), k, sum.majority_mask(k, tie))) {
    return state.SkipWithError("wrong mask");
  }
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    auto mask = sum.majority_mask(k, tie);
    benchmark::DoNotOptimize(mask.data());
  }
  bench::report_items(state, kWorkers * k);
  bench::report_bytes(state, d / 2, bench::thread_seconds() - start);
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgName("d")->Arg(1 << 16)->Arg(bench::kResNet18)->Unit(benchmark::kMillisecond);
}
BENCHMARK(BM_AddDrop)->Apply(sizes);
BENCHMARK(BM_ChangedVote)->Apply(sizes);
BENCHMARK_CAPTURE(BM_MaskOfSum, best, best_isa())->Name("BM_MaskOfSum")->Apply(sizes);
BENCHMARK_CAPTURE(BM_MaskOfSum, portable, Isa::portable)
    ->Name("BM_MaskOfSum/isa:portable")
    ->Apply(sizes);
BENCHMARK_CAPTURE(BM_MaskOfSum, avx2, Isa::avx2)->Name("BM_MaskOfSum/isa:avx2")->Apply(sizes);
BENCHMARK_CAPTURE(BM_MaskOfSum, large, best_isa())
    ->Name("BM_MaskOfSum/large")
    ->ArgName("d")
    ->Arg(bench::kLarge)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_VoteSum, sum, false)->Name("BM_VoteSum/check_votes:no")->Apply(sizes);
BENCHMARK_CAPTURE(BM_VoteSum, votes, true)->Name("BM_VoteSum/check_votes:yes")->Apply(sizes);

}  // namespace
}  // namespace mvsgd
