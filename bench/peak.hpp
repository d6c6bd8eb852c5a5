// The most that this processor can compute, measured: the limit against which convolutions are
// shown.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "bench/throughput.hpp"

namespace mvsgd::bench {

#if defined(__x86_64__)
// Twelve independent chains of fused multiply-adds keep two units busy whose latency is four or
// five cycles.
[[gnu::target("avx512f")]] inline double fma_flops_avx512(std::int64_t rounds) {
  __m512 chains[12];
  for (auto& chain : chains) chain = _mm512_set1_ps(1);
  const __m512 factor = _mm512_set1_ps(0.5F);
  for (std::int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (auto& chain : chains) chain = _mm512_fmadd_ps(chain, factor, factor);
  }
  for (auto& chain : chains) benchmark::DoNotOptimize(chain);
  return static_cast<double>(rounds) * 12 * 16 * 2;
}

[[gnu::target("avx2,fma")]] inline double fma_flops_avx2(std::int64_t rounds) {
  __m256 chains[12];
  for (auto& chain : chains) chain = _mm256_set1_ps(1);
  const __m256 factor = _mm256_set1_ps(0.5F);
  for (std::int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (auto& chain : chains) chain = _mm256_fmadd_ps(chain, factor, factor);
  }
  for (auto& chain : chains) benchmark::DoNotOptimize(chain);
  return static_cast<double>(rounds) * 12 * 8 * 2;
}
#endif

/// Floating-point operations a second of one thread in float32, where a fused multiply-add counts
/// as two. The best of nine trials of a few milliseconds; 0 if the processor is not known.
inline double peak_flops_per_second() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("fma")) return 0;
  const auto run = __builtin_cpu_supports("avx512f") ? fma_flops_avx512 : fma_flops_avx2;
  double best = 0;
  for (int trial = 0; trial < 9; ++trial) {
    const double start = thread_seconds();
    const double count = run(1'000'000);
    best = std::max(best, count / (thread_seconds() - start));
  }
  return best;
#else
  return 0;
#endif
}

/// Sets two counters: flops, the rate of the problem's floating-point operations (not the
/// algorithm's), and peak_pct, that rate's share of the processor's measured peak. `seconds` is the
/// loop's CPU time.
inline void report_flops(benchmark::State& state, double flops, double seconds) {
  const double rate = flops * static_cast<double>(state.iterations()) / seconds;
  state.counters["flops"] = rate;
  static const double peak = peak_flops_per_second();
  if (peak > 0) state.counters["peak_pct"] = 100 * rate / peak;
}

}  // namespace mvsgd::bench
