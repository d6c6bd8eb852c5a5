// What the audit of a run pays to count the codes whose length depends on what they code: the law's
// count beside the codec's own size, of the same positions and values.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "bench/supports.hpp"
#include "bench/throughput.hpp"
#include "compress/positions/change_codec.hpp"
#include "compress/positions/position_codecs.hpp"
#include "compress/values/code_entropy.hpp"
#include "sim/law/position_lengths.hpp"
#include "sim/law/value_lengths.hpp"

namespace mvsgd {
namespace {

using Set = std::vector<compress::Index>;

constexpr std::uint64_t kD = 11'173'962;
constexpr std::uint64_t kK = 111'740;

/// Times whichever of the two `state` wants (its first argument: 1 is the law), and first checks
/// that they agree.
template <typename Law, typename Codec>
void measure(benchmark::State& state, std::size_t items, const Law& law, const Codec& codec) {
  if (law() != codec()) return state.SkipWithError("the law and the codec differ");
  for (auto _ : state) benchmark::DoNotOptimize(state.range(0) == 1 ? law() : codec());
  bench::report_items(state, items);
}

void of_set(benchmark::State& state, const char* name) {
  const Set set = bench::uniform_support(kD, kK, 1);
  const auto codec = compress::position_codec_named(name).make(kD, kK, 1);
  const sim::CodeOfPositions code{.code = codec->id(), .n = kD, .block_size = codec->parameter()};
  measure(
      state, set.size(), [&] { return sim::law_of_set({}, code, set); },
      [&] { return codec->size(set); });
}
BENCHMARK_CAPTURE(of_set, rice, "rice")->ArgName("law")->Arg(1)->Arg(0);
BENCHMARK_CAPTURE(of_set, entropy, "entropy")->ArgName("law")->Arg(1)->Arg(0);
BENCHMARK_CAPTURE(of_set, rans, "rans")->ArgName("law")->Arg(1)->Arg(0);

/// A vote of which a quarter has changed, with whole votes in the rANS code.
void BM_Change(benchmark::State& state) {
  const Set previous = bench::uniform_support(kD, kK, 1);
  const Set other = bench::uniform_support(kD, kK, 2);
  Set set(previous.begin(), previous.begin() + static_cast<std::ptrdiff_t>(kK / 4 * 3));
  for (const compress::Index i : other) {
    if (set.size() < kK && i > set.back()) set.push_back(i);
  }
  for (auto i = static_cast<compress::Index>(kD - 1); set.size() < kK; --i) {
    if (!std::ranges::binary_search(set, i)) set.insert(std::ranges::upper_bound(set, i), i);
  }
  const std::shared_ptr<const compress::PositionCodec> whole =
      compress::position_codec_named("rans").make(kD, kK, 1);
  const sim::CodeOfPositions code{.code = whole->id(), .n = kD};
  const compress::ChangeCodec codec(kD, previous, whole);
  measure(
      state, set.size(), [&] { return sim::law_of_change({}, code, previous, set); },
      [&] { return codec.size(set); });
}
BENCHMARK(BM_Change)->ArgName("law")->Arg(1)->Arg(0);

void BM_Values(benchmark::State& state) {
  const auto q = static_cast<unsigned>(state.range(1));
  std::mt19937_64 random(3);
  std::exponential_distribution<double> falls(1);
  const unsigned levels = 1U << (q - 1);
  std::vector<std::uint8_t> codes;
  std::vector<std::uint8_t> marked;
  for (std::uint64_t i = 0; i < kK; ++i) {
    marked.push_back(random() % 6 == 0 ? 1 : 0);
    const double level = falls(random) * (marked.back() == 1 ? 0.4 : 1.0) * levels / 4;
    const unsigned last = std::min(levels - 1, static_cast<unsigned>(level));
    codes.push_back(static_cast<std::uint8_t>(last | (random() % 2) << (q - 1)));
  }
  measure(
      state, codes.size(), [&] { return sim::law_of_codes(codes, q, marked); },
      [&] { return compress::entropy_of_codes(codes, q, marked); });
}
BENCHMARK(BM_Values)->ArgNames({"law", "q"})->ArgsProduct({{1, 0}, {2, 4, 8}});

}  // namespace
}  // namespace mvsgd
