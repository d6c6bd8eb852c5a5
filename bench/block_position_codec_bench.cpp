// How fast supports are coded, and in how many bits, by the block position code and by a plain
// copy.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "bench/throughput.hpp"
#include "comm/bit_stream.hpp"
#include "compress/block_position_codec.hpp"

namespace mvsgd {
namespace {

using compress::BlockPositionCodec;
using compress::Index;

// k of d coordinates, each set as likely (Vitter's selection sampling).
std::vector<Index> uniform_support(std::int64_t d, std::int64_t k) {
  std::mt19937_64 random(1);
  std::vector<Index> support;
  for (std::int64_t i = 0; i < d; ++i) {
    const auto left = static_cast<std::uint64_t>(d - i);
    const std::uint64_t wanted = static_cast<std::uint64_t>(k) - support.size();
    if (random() % left < wanted) support.push_back(static_cast<Index>(i));
  }
  return support;
}

/// What a benchmark of a code needs: the set, the code and the coded set.
struct Case {
  explicit Case(const benchmark::State& state)
      : d(state.range(0)),
        k(d / state.range(1)),
        codec(static_cast<std::uint64_t>(d), static_cast<std::uint64_t>(state.range(2))),
        support(uniform_support(d, k)) {
    comm::BitWriter out;
    codec.encode(support, out);
    size = out.size();
    bytes = out.take();
  }

  [[nodiscard]] bool is_read_back() const {
    comm::BitReader in(bytes, size);
    return codec.decode(in) == support;
  }

  void report(benchmark::State& state, double seconds) const {
    bench::report_items(state, support.size());
    bench::report_bytes(state, bytes.size(), seconds);
    bench::report_code(state, static_cast<double>(size.count()), static_cast<double>(d),
                       static_cast<double>(k));
  }

  std::int64_t d;
  std::int64_t k;
  BlockPositionCodec codec;
  std::vector<Index> support;
  comm::Bits size;
  std::vector<std::byte> bytes;
};

// Items: positions. Bytes: the coded set.
void BM_BlockPositionEncode(benchmark::State& state) {
  const Case coded(state);
  if (!coded.is_read_back()) return state.SkipWithError("wrong positions");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    comm::BitWriter out;
    coded.codec.encode(coded.support, out);
    auto bytes = out.take();
    benchmark::DoNotOptimize(bytes.data());
  }
  coded.report(state, bench::thread_seconds() - start);
}

void BM_BlockPositionDecode(benchmark::State& state) {
  const Case coded(state);
  if (!coded.is_read_back()) return state.SkipWithError("wrong positions");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    comm::BitReader in(coded.bytes, coded.size);
    auto positions = coded.codec.decode(in);
    benchmark::DoNotOptimize(positions.data());
  }
  coded.report(state, bench::thread_seconds() - start);
}

// The identity code: 32 bits a position, copied.
void BM_CopyPositions(benchmark::State& state) {
  const auto support = uniform_support(state.range(0), state.range(0) / state.range(1));
  std::vector<float> words(support.size());
  for (std::size_t j = 0; j < words.size(); ++j) words[j] = std::bit_cast<float>(support[j]);
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    comm::BitWriter out;
    out.put_floats(words);
    auto bytes = out.take();
    benchmark::DoNotOptimize(bytes.data());
  }
  bench::report_items(state, support.size());
  bench::report_bytes(state, 4 * support.size(), bench::thread_seconds() - start);
  bench::report_code(state, 32.0 * static_cast<double>(support.size()),
                     static_cast<double>(state.range(0)), static_cast<double>(support.size()));
}

// The paper's B = 1 / phi and the power of two below it.
void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"d", "one_in", "B"})->Unit(benchmark::kMicrosecond);
  for (const std::int64_t d : {std::int64_t{1} << 16, bench::kResNet18}) {
    b->Args({d, 100, 100})->Args({d, 100, 64})->Args({d, 1000, 1000})->Args({d, 1000, 512});
  }
}
BENCHMARK(BM_BlockPositionEncode)->Apply(sizes);
BENCHMARK(BM_BlockPositionDecode)->Apply(sizes);
BENCHMARK(BM_CopyPositions)
    ->ArgNames({"d", "one_in"})
    ->ArgsProduct({{1 << 16, bench::kResNet18}, {100, 1000}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mvsgd
