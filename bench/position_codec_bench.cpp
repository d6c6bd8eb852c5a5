// How fast, and in how many bits, supports are coded by the position codes that do not adapt and by
// a plain copy.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/supports.hpp"
#include "bench/throughput.hpp"
#include "comm/bit_stream.hpp"
#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/elias_fano_codec.hpp"
#include "compress/positions/entropy_codec.hpp"
#include "compress/positions/position_codecs.hpp"
#include "compress/positions/radix_codec.hpp"
#include "compress/positions/rice_codec.hpp"

namespace mvsgd {
namespace {

using compress::BlockPositionCodec;
using compress::EliasFanoCodec;
using compress::EntropyCodec;
using compress::Index;
using compress::PositionCodec;
using compress::RadixCodec;
using compress::RiceCodec;

std::unique_ptr<PositionCodec> make_codec(std::uint8_t id, std::uint64_t d, std::uint64_t k,
                                          std::uint64_t block_size) {
  if (id == RiceCodec::kId) block_size = std::uint64_t{1} << compress::rice_parameter(d, k);
  return compress::make_position_codec(id, d, static_cast<std::uint32_t>(block_size));
}

/// The set, the code and the coded set that a benchmark of a code needs.
struct Case {
  Case(const benchmark::State& state, std::uint8_t id)
      : d(static_cast<std::uint64_t>(state.range(0))),
        k(d / static_cast<std::uint64_t>(state.range(1))),
        codec(make_codec(id, d, k, static_cast<std::uint64_t>(state.range(2)))),
        support(bench::uniform_support(d, k, 1)) {
    comm::BitWriter out;
    codec->encode(support, out);
    size = out.size();
    bytes = out.take();
  }

  [[nodiscard]] bool is_read_back() const {
    comm::BitReader in(bytes, size);
    return codec->decode(in, support.size()) == support && in.remaining() == comm::Bits(0) &&
           size == codec->size(support);
  }

  void report(benchmark::State& state, double seconds) const {
    bench::report_items(state, support.size());
    bench::report_bytes(state, bytes.size(), seconds);
    bench::report_code(state, static_cast<double>(size.count()), static_cast<double>(d),
                       static_cast<double>(k));
  }

  std::uint64_t d;
  std::uint64_t k;
  std::unique_ptr<PositionCodec> codec;
  std::vector<Index> support;
  comm::Bits size;
  std::vector<std::byte> bytes;
};

// Items: positions. Bytes: the coded set.
template <typename Codec>
void BM_Encode(benchmark::State& state) {
  if (bench::skips_large(state)) return;
  const Case coded(state, Codec::kId);
  if (!coded.is_read_back()) return state.SkipWithError("wrong positions");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    comm::BitWriter out;
    coded.codec->encode(coded.support, out);
    auto bytes = out.take();
    benchmark::DoNotOptimize(bytes.data());
  }
  coded.report(state, bench::thread_seconds() - start);
}

template <typename Codec>
void BM_Decode(benchmark::State& state) {
  if (bench::skips_large(state)) return;
  const Case coded(state, Codec::kId);
  if (!coded.is_read_back()) return state.SkipWithError("wrong positions");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    comm::BitReader in(coded.bytes, coded.size);
    auto positions = coded.codec->decode(in, coded.support.size());
    benchmark::DoNotOptimize(positions.data());
  }
  coded.report(state, bench::thread_seconds() - start);
}

// The block position code by its definition, bit by bit.
void BM_EncodeByDefinition(benchmark::State& state) {
  const Case coded(state, BlockPositionCodec::kId);
  const BlockPositionCodec codec(coded.d, coded.codec->parameter());
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    comm::BitWriter out;
    codec.encode_by_definition(coded.support, out);
    auto bytes = out.take();
    if (bytes != coded.bytes) return state.SkipWithError("other bits");
  }
  coded.report(state, bench::thread_seconds() - start);
}

void BM_DecodeByDefinition(benchmark::State& state) {
  const Case coded(state, BlockPositionCodec::kId);
  const BlockPositionCodec codec(coded.d, coded.codec->parameter());
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    comm::BitReader in(coded.bytes, coded.size);
    auto positions = codec.decode(in);
    if (positions.size() != coded.support.size()) return state.SkipWithError("wrong positions");
  }
  coded.report(state, bench::thread_seconds() - start);
}

// The identity code: 32 bits a position, copied.
void BM_CopyPositions(benchmark::State& state) {
  const auto d = static_cast<std::uint64_t>(state.range(0));
  const auto support = bench::uniform_support(d, d / static_cast<std::uint64_t>(state.range(1)), 1);
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
  bench::report_code(state, 32.0 * static_cast<double>(support.size()), static_cast<double>(d),
                     static_cast<double>(support.size()));
}

void arguments(benchmark::internal::Benchmark* b) {
  b->ArgNames({"d", "one_in", "B"})->Unit(benchmark::kMicrosecond);
}

// The paper's B = 1 / phi, and the power of two below it.
void with_block_size(benchmark::internal::Benchmark* b) {
  arguments(b);
  for (const std::int64_t d : {std::int64_t{1} << 16, bench::kResNet18}) {
    b->Args({d, 100, 100})->Args({d, 100, 64})->Args({d, 1000, 1000})->Args({d, 1000, 512});
  }
}

// Four sizes, each four times the last, show that a cost is linear.
void of_four_sizes(benchmark::internal::Benchmark* b) {
  arguments(b);
  for (std::int64_t d = 1 << 20; d <= 1 << 26; d *= 4) b->Args({d, 100, 100});
}

// The large sizes have rows of their own, so that their names say so.
template <typename Codec>
void add_large(const std::string& code, std::int64_t block_size) {
  for (const bool encodes : {true, false}) {
    const std::string name = (encodes ? "BM_Encode/large/" : "BM_Decode/large/") + code;
    arguments(
        benchmark::RegisterBenchmark(name.c_str(), encodes ? BM_Encode<Codec> : BM_Decode<Codec>)
            ->Args({bench::kLarge, 100, block_size}));
  }
}

const bool kRegistered = [] {
  add_large<BlockPositionCodec>("block", 100);
  add_large<RadixCodec>("radix", 100);
  add_large<EliasFanoCodec>("elias-fano", 0);
  add_large<RiceCodec>("rice", 0);
  add_large<EntropyCodec>("entropy", 0);
  return true;
}();

void without_block_size(benchmark::internal::Benchmark* b) {
  arguments(b);
  for (const std::int64_t d : {std::int64_t{1} << 16, bench::kResNet18}) {
    b->Args({d, 100, 0})->Args({d, 1000, 0});
  }
  for (std::int64_t d = 1 << 20; d <= 1 << 26; d *= 4) b->Args({d, 100, 0});
}

BENCHMARK(BM_Encode<BlockPositionCodec>)->Apply(with_block_size)->Apply(of_four_sizes);
BENCHMARK(BM_Decode<BlockPositionCodec>)->Apply(with_block_size)->Apply(of_four_sizes);
BENCHMARK(BM_EncodeByDefinition)->Apply(with_block_size);
BENCHMARK(BM_DecodeByDefinition)->Apply(with_block_size);
BENCHMARK(BM_Encode<EliasFanoCodec>)->Apply(without_block_size);
BENCHMARK(BM_Decode<EliasFanoCodec>)->Apply(without_block_size);
BENCHMARK(BM_Encode<RiceCodec>)->Apply(without_block_size);
BENCHMARK(BM_Decode<RiceCodec>)->Apply(without_block_size);
BENCHMARK(BM_Encode<RadixCodec>)->Apply(with_block_size)->Apply(of_four_sizes);
BENCHMARK(BM_Decode<RadixCodec>)->Apply(with_block_size)->Apply(of_four_sizes);
BENCHMARK(BM_CopyPositions)
    ->ArgNames({"d", "one_in"})
    ->ArgsProduct({{1 << 16, bench::kResNet18}, {100, 1000}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mvsgd
