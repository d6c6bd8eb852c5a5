// The counters of all benchmarks, under the same names everywhere.
#pragma once

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <vector>

namespace mvsgd::bench {

/// d of the paper's ResNet-18.
inline constexpr std::int64_t kResNet18 = 11173962;

/// d of the benchmarks marked large, which take gigabytes: run by hand, --benchmark_filter=large.
inline constexpr std::int64_t kLarge = 1'000'000'000;

/// Skips a benchmark whose first argument is kLarge, unless it is asked for by name.
inline bool skips_large(benchmark::State& state) {
  if (state.range(0) != kLarge || benchmark::GetBenchmarkFilter() == "large") return false;
  state.SkipWithError("takes gigabytes: --benchmark_filter=large");
  return true;
}

/// CPU time of this thread: what a single-threaded kernel is judged by.
inline double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Bytes that memcpy copies in a second from one warm buffer of `bytes` to another: the median of
/// nine trials of at least a few million bytes each.
inline double memcpy_bytes_per_second(std::size_t bytes) {
  // On some processors memcpy is ten times slower if the buffers lie a multiple of 4 KiB apart,
  // since these processors mistake one's addresses for the other's.
  constexpr std::size_t kApart = 2048;
  std::vector<std::byte> both(2 * (bytes + kApart), std::byte{1});
  const std::byte* from = both.data();
  std::byte* to = both.data() + (bytes + kApart) / 4096 * 4096 + kApart;
  const std::size_t copies = 1 + (std::size_t{1} << 23) / std::max<std::size_t>(bytes, 1);
  std::vector<double> rates;
  for (int trial = 0; trial < 9; ++trial) {
    const double start = thread_seconds();
    for (std::size_t i = 0; i < copies; ++i) {
      std::memcpy(to, from, bytes);
      benchmark::DoNotOptimize(to);
      benchmark::ClobberMemory();
    }
    rates.push_back(static_cast<double>(copies * bytes) / (thread_seconds() - start));
  }
  std::nth_element(rates.begin(), rates.begin() + 4, rates.end());
  return rates[4];
}

/// Sets two counters: bytes_per_second, for `bytes` an iteration, and memcpy_pct, its share of
/// memcpy's rate on a buffer of that size in this process. `seconds` is the loop's CPU time.
inline void report_bytes(benchmark::State& state, std::size_t bytes, double seconds) {
  const auto iterations = static_cast<double>(state.iterations());
  const double rate = static_cast<double>(bytes) * iterations / seconds;
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
  state.counters["memcpy_pct"] = 100 * rate / memcpy_bytes_per_second(bytes);
}

/// Sets items_per_second, for `items` an iteration.
inline void report_items(benchmark::State& state, std::size_t items) {
  state.SetItemsProcessed(static_cast<std::int64_t>(items) * state.iterations());
}

/// Sets bits_per_position, and over_entropy: `bits` over log2 C(d, k), the mean length of the best
/// code where all sets of k of d are equally likely.
inline void report_code(benchmark::State& state, double bits, double d, double k) {
  const double log_choices = std::lgamma(d + 1) - std::lgamma(k + 1) - std::lgamma(d - k + 1);
  state.counters["bits_per_position"] = bits / k;
  state.counters["over_entropy"] = bits / (log_choices / std::numbers::ln2);
}

}  // namespace mvsgd::bench
