// How fast the exact top-K support is found, beside one read of x, the definition and nth_element.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "bench/throughput.hpp"
#include "compress/select/difference_top_k.hpp"
#include "compress/select/error_memory.hpp"
#include "compress/select/layer_top_k.hpp"
#include "compress/select/top_k.hpp"

namespace mvsgd {
namespace {

using compress::Index;
using compress::Isa;
using compress::TopK;
using compress::TopKOptions;

std::vector<float> gradient(std::int64_t d, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.0F, 1e-3F);
  std::vector<float> x(static_cast<std::size_t>(d));
  for (float& value : x) value = normal(random);
  return x;
}

// The standard library's way: a selection on an array of indices.
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

// Whether `support` is as defined, checked without the memory that the definition takes: it has all
// coordinates above its smallest magnitude, and the first of those equal to it.
bool is_support(std::span<const float> x, std::span<const Index> support, std::size_t k) {
  float last = INFINITY;
  for (const Index i : support) last = std::min(last, std::fabs(x[i]));
  std::size_t above = 0;
  for (const float value : x) above += std::fabs(value) > last ? 1 : 0;
  std::size_t ties = k - above;
  std::vector<Index> expected;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float a = std::fabs(x[i]);
    if (a > last || (a == last && ties > 0)) expected.push_back(static_cast<Index>(i));
    ties -= a == last && ties > 0 ? 1 : 0;
  }
  return support.size() == k && std::equal(support.begin(), support.end(), expected.begin());
}

// The unit: nothing that looks at all of x is faster.
#if defined(__x86_64__)
[[gnu::target_clones("avx2", "default")]]
#endif
std::int32_t
read_once(const float* x, std::size_t d) {
  std::int32_t most = 0;
  for (std::size_t i = 0; i < d; ++i) {
    most = std::max(most, __builtin_bit_cast(std::int32_t, x[i]) & 0x7fffffff);
  }
  return most;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Runs `measured` and `unit` in turn, so that other load slows both alike. The counter `name` is
// the median CPU time of `measured` over that of `unit`.
template <typename Measured, typename Unit>
void run_against(benchmark::State& state, const std::string& name, Measured measured, Unit unit) {
  const auto now = bench::thread_seconds;
  std::vector<double> ours;
  std::vector<double> units;
  for (auto _ : state) {
    const double start = now();
    measured();
    const double between = now();
    unit();
    units.push_back(now() - between);
    ours.push_back(between - start);
    state.SetIterationTime(ours.back());
  }
  state.counters["median_ms"] = 1e3 * median(ours);
  state.counters[name] = median(ours) / median(units);
}

struct Case {
  Isa isa = compress::best_isa();
  bool hinted = false;
};

// What a worker would know: the k-th magnitude of another round, here of values that are 2 %
// larger.
float hint(std::int64_t d, std::size_t k) {
  return 1.02F * compress::top_k_support(gradient(d, 2), k, {}).magnitude;
}

// The k = ceil(d / one_in) largest of d normal values. in_reads: time over that of one read of x.
void BM_TopKSupport(benchmark::State& state, Case c) {
  if (!compress::supports(c.isa)) return state.SkipWithError("not on this processor");
  if (bench::skips_large(state)) return;
  const auto x = gradient(state.range(0), 1);
  const auto k = static_cast<std::size_t>((state.range(0) - 1) / state.range(1) + 1);
  const TopKOptions options = {.hint = c.hinted ? hint(state.range(0), k) : 0, .isa = c.isa};
  const TopK first = compress::top_k_support(x, k, options);
  if (!is_support(x, first.support, k)) return state.SkipWithError("wrong support");
  run_against(
      state, "in_reads",
      [&] {
        auto top = compress::top_k_support(x, k, options);
        benchmark::DoNotOptimize(top.support.data());
      },
      [&] { benchmark::DoNotOptimize(read_once(x.data(), x.size())); });
  state.counters["passes"] = first.reads;
}

// The whole vote. in_add_differences: time over that of line 9 alone, which is 3 reads and a write.
void BM_Vote(benchmark::State& state, bool fused, bool hinted) {
  const auto theta_h = gradient(state.range(0), 1);
  const std::vector<float> theta_0(theta_h.size(), 0.0F);
  const auto k = static_cast<std::size_t>((state.range(0) - 1) / state.range(1) + 1);
  std::vector<float> e(theta_h.size());
  const TopKOptions options = {.hint = hinted ? hint(state.range(0), k) : 0};
  const auto vote = [&] {
    if (fused) return compress::add_difference_top_k(theta_h, theta_0, e, k, options);
    compress::add_difference(theta_h, theta_0, e);
    return compress::top_k_support(e, k, options);
  };
  if (!is_support(theta_h, vote().support, k)) return state.SkipWithError("wrong support");
  std::fill(e.begin(), e.end(), 0.0F);
  // The unit subtracts what the vote has added, so every iteration sees the same values.
  run_against(
      state, "in_add_differences",
      [&] {
        auto top = vote();
        benchmark::DoNotOptimize(top.support.data());
      },
      [&] {
        compress::add_difference(theta_0, theta_h, e);
        benchmark::ClobberMemory();
      });
}

// The parameter tensors of ResNet-18, with a hundredth of each kept.
std::vector<compress::Layer> resnet18_layers() {
  std::vector<compress::Layer> layers;
  const auto add = [&](std::size_t size) {
    layers.push_back({.size = size, .k = (size + 99) / 100});
  };
  const auto unit = [&](std::size_t in, std::size_t out, std::size_t area) {
    add(in * out * area);
    add(out);
    add(out);
  };
  unit(3, 64, 9);
  std::size_t in = 64;
  for (const std::size_t out : {64U, 128U, 256U, 512U}) {
    unit(in, out, 9);
    unit(out, out, 9);
    if (in != out) unit(in, out, 1);
    unit(out, out, 9);
    unit(out, out, 9);
    in = out;
  }
  add(10 * in);
  add(10);
  return layers;
}

// The whole vote by layer: the 62 tensors each by itself. Counters as of BM_Vote.
void BM_LayersVote(benchmark::State& state, bool hinted) {
  const auto theta_h = gradient(state.range(0), 1);
  const std::vector<float> theta_0(theta_h.size(), 0.0F);
  const auto layers = resnet18_layers();
  std::vector<float> e(theta_h.size());
  std::vector<float> hints;
  if (hinted) {
    hints = compress::layers_top_k(gradient(state.range(0), 2), layers).magnitudes;
    for (float& hint : hints) hint *= 1.02F;
  }
  const auto vote = [&] {
    return compress::add_difference_layers_top_k(theta_h, theta_0, e, layers, hints);
  };
  if (vote().support != compress::layers_top_k_by_sorting(theta_h, layers)) {
    return state.SkipWithError("wrong support");
  }
  std::fill(e.begin(), e.end(), 0.0F);
  run_against(
      state, "in_add_differences",
      [&] {
        auto top = vote();
        benchmark::DoNotOptimize(top.support.data());
      },
      [&] {
        compress::add_difference(theta_0, theta_h, e);
        benchmark::ClobberMemory();
      });
}

using Selection = std::vector<Index> (*)(std::span<const float>, std::size_t);

void BM_TopKByOthers(benchmark::State& state, Selection select) {
  const auto x = gradient(state.range(0), 1);
  const auto k = static_cast<std::size_t>((state.range(0) - 1) / state.range(1) + 1);
  if (!is_support(x, select(x, k), k)) return state.SkipWithError("wrong support");
  run_against(
      state, "in_reads",
      [&] {
        auto support = select(x, k);
        benchmark::DoNotOptimize(support.data());
      },
      [&] { benchmark::DoNotOptimize(read_once(x.data(), x.size())); });
}

void common(benchmark::internal::Benchmark* b) {
  b->ArgNames({"d", "one_in"})->Unit(benchmark::kMillisecond)->UseManualTime();
}

void add(const std::string& name, Case c, std::initializer_list<std::int64_t> sizes) {
  auto* b = benchmark::RegisterBenchmark(name.c_str(), BM_TopKSupport, c);
  for (const std::int64_t d : sizes) {
    b->Args({d, 100});
    if (d == bench::kResNet18) b->Args({d, 1000});
  }
  common(b);
}

const bool kRegistered = [] {
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    for (const bool hinted : {false, true}) {
      const std::string name = "BM_TopKSupport/isa:" + std::string(compress::name(isa)) +
                               (hinted ? "/hint:last" : "/hint:none");
      add(name, {.isa = isa, .hinted = hinted}, {bench::kResNet18});
    }
  }
  add("BM_TopKSupport/linear", {}, {1 << 16, 1 << 20, 1 << 24, 1 << 26});
  add("BM_TopKSupport/large", {}, {bench::kLarge});
  for (const bool fused : {true, false}) {
    for (const bool hinted : {false, true}) {
      const std::string name = std::string("BM_Vote/fused:") + (fused ? "yes" : "no") +
                               (hinted ? "/hint:last" : "/hint:none");
      common(benchmark::RegisterBenchmark(name.c_str(), BM_Vote, fused, hinted)
                 ->Args({bench::kResNet18, 100}));
    }
  }
  for (const bool hinted : {false, true}) {
    const std::string name = std::string("BM_LayersVote") + (hinted ? "/hint:last" : "/hint:none");
    common(benchmark::RegisterBenchmark(name.c_str(), BM_LayersVote, hinted)
               ->Args({bench::kResNet18, 100}));
  }
  common(
      benchmark::RegisterBenchmark("BM_TopKByOthers/nth_element", BM_TopKByOthers, by_nth_element)
          ->Args({bench::kResNet18, 100}));
  common(benchmark::RegisterBenchmark("BM_TopKByOthers/sorting", BM_TopKByOthers,
                                      compress::top_k_support_by_sorting)
             ->Args({1 << 20, 100}));
  return true;
}();

}  // namespace
}  // namespace mvsgd
