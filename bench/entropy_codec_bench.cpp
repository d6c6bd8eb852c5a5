// How fast, and in how many bits, the codes are that know more than d and K: the entropy and the
// rANS code of supports that cluster, drops as ranks in the last vote, a mask as its difference
// from the last, and a vote as its change.
//
//     entropy_codec_bench [D:FILE ...]    codes FILE too, a support of D coordinates as u32
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "bench/supports.hpp"
#include "bench/throughput.hpp"
#include "comm/bit_stream.hpp"
#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/change_codec.hpp"
#include "compress/positions/delta_codec.hpp"
#include "compress/positions/entropy_codec.hpp"
#include "compress/positions/position_codecs.hpp"
#include "compress/positions/ranks.hpp"
#include "compress/positions/rans_codec.hpp"

namespace mvsgd {
namespace {

using compress::Index;
using Set = std::vector<Index>;

// The lengths of the parameters of a ResNet-18, in order: a convolution, gamma, beta, and so on.
std::vector<std::uint64_t> resnet18_layers() {
  std::vector<std::uint64_t> layers;
  const auto convolution = [&](std::uint64_t in, std::uint64_t out, std::uint64_t taps) {
    layers.insert(layers.end(), {in * out * taps, out, out});
  };
  convolution(3, 64, 9);
  for (std::uint64_t in = 64, out = 64; out <= 512; out *= 2) {
    convolution(in, out, 9);
    convolution(out, out, 9);
    if (in != out) convolution(in, out, 1);
    convolution(out, out, 9);
    convolution(out, out, 9);
    in = out;
  }
  layers.insert(layers.end(), {5120, 10});
  return layers;
}

// About k coordinates of a ResNet-18. The densities of its layers differ by factors of up to 30,
// the logarithm of a density being uniform. Coordinates within a layer are independent.
Set layered_support(double k) {
  std::mt19937_64 random(3);
  const auto layers = resnet18_layers();
  std::vector<double> density;
  double expected = 0;
  for (const std::uint64_t length : layers) {
    density.push_back(std::pow(30.0, std::ldexp(static_cast<double>(random() >> 11), -53)));
    expected += density.back() * static_cast<double>(length);
  }
  Set support;
  std::uint64_t i = 0;
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const auto below = static_cast<std::uint64_t>(std::ldexp(k * density[layer] / expected, 64));
    for (const std::uint64_t end = i + layers[layer]; i < end; ++i) {
      if (random() < below) support.push_back(static_cast<Index>(i));
    }
  }
  return support;
}

// The bits of the Golomb-Rice code of the gaps, at its best parameter.
double rice_bits(const Set& positions) {
  double least = HUGE_VAL;
  for (unsigned r = 0; r < 32; ++r) {
    std::uint64_t bits = positions.size() * (1 + r);
    std::uint64_t next = 0;
    for (const Index position : positions) {
      bits += (position - next) >> r;
      next = std::uint64_t{position} + 1;
    }
    least = std::min(least, static_cast<double>(bits));
  }
  return least;
}

double log2_choices(std::size_t n, std::size_t k) {
  const auto log_factorial = [](std::size_t m) { return std::lgamma(static_cast<double>(m) + 1); };
  return (log_factorial(n) - log_factorial(k) - log_factorial(n - k)) / std::numbers::ln2;
}

struct Coded {
  std::vector<std::byte> bytes;
  comm::Bits size;
};

template <typename Encode>
Coded coded(Encode encode) {
  comm::BitWriter out;
  encode(out);
  const comm::Bits size = out.size();
  return {.bytes = out.take(), .size = size};
}

// Times one direction of a code of `set`, and first checks both. Items: the set's members. Bytes:
// the coded set.
template <typename Encode, typename Decode>
void measure(benchmark::State& state, bool encodes, const Set& set, Encode encode, Decode decode) {
  const Coded first = coded([&](comm::BitWriter& out) { encode(out); });
  comm::BitReader check(first.bytes, first.size);
  if (decode(check) != set) return state.SkipWithError("wrong positions");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    if (encodes) {
      auto bytes = coded([&](comm::BitWriter& out) { encode(out); }).bytes;
      benchmark::DoNotOptimize(bytes.data());
    } else {
      comm::BitReader in(first.bytes, first.size);
      auto positions = decode(in);
      benchmark::DoNotOptimize(positions.data());
    }
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, set.size());
  bench::report_bytes(state, first.bytes.size(), seconds);
  state.counters["bits_per_position"] =
      static_cast<double>(first.size.count()) / static_cast<double>(set.size());
}

double bits_in_all(const benchmark::State& state, std::size_t members) {
  return state.counters.at("bits_per_position") * static_cast<double>(members);
}

void measure_codec(benchmark::State& state, bool encodes, std::uint64_t d, const Set& set,
                   const compress::PositionCodec& codec) {
  measure(
      state, encodes, set, [&](comm::BitWriter& out) { codec.encode(set, out); },
      [&](comm::BitReader& in) { return codec.decode(in, set.size()); });
  if (!state.counters.contains("bits_per_position")) return;  // skipped
  const double bits = bits_in_all(state, set.size());
  bench::report_code(state, bits, static_cast<double>(d), static_cast<double>(set.size()));
  state.counters["over_rice"] = bits / rice_bits(set);
}

template <typename Codec>
void entropy(benchmark::State& state, bool encodes) {
  const auto d = static_cast<std::uint64_t>(state.range(0));
  const std::uint64_t k = (d - 1) / static_cast<std::uint64_t>(state.range(1)) + 1;
  const bool layered = state.range(2) != 0;
  const Set set =
      layered ? layered_support(static_cast<double>(k)) : bench::uniform_support(d, k, 1);
  measure_codec(state, encodes, d, set, Codec(d));
}
void BM_EntropyEncode(benchmark::State& state) { entropy<compress::EntropyCodec>(state, true); }
void BM_EntropyDecode(benchmark::State& state) { entropy<compress::EntropyCodec>(state, false); }
void BM_RansEncode(benchmark::State& state) { entropy<compress::RansCodec>(state, true); }
void BM_RansDecode(benchmark::State& state) { entropy<compress::RansCodec>(state, false); }

void entropy_sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"d", "one_in", "layered"})->Unit(benchmark::kMicrosecond);
  for (const std::int64_t one_in : {100, 1000}) {
    for (const std::int64_t layered : {0, 1}) b->Args({bench::kResNet18, one_in, layered});
  }
  b->Args({176402, 100, 0});  // width 8
  for (const std::int64_t d : {1 << 16, 1 << 18, 1 << 20, 1 << 22}) b->Args({d, 100, 0});
}
BENCHMARK(BM_EntropyEncode)->Apply(entropy_sizes);
BENCHMARK(BM_EntropyDecode)->Apply(entropy_sizes);
BENCHMARK(BM_RansEncode)->Apply(entropy_sizes);
BENCHMARK(BM_RansDecode)->Apply(entropy_sizes);

// Drops from a vote of K = 111,740, coded as ranks in it. B is the block size of the block code; 0
// stands for the entropy code.
void ranked(benchmark::State& state, bool encodes) {
  constexpr std::uint64_t kK = 111740;
  const Set vote = bench::uniform_support(bench::kResNet18, kK, 1);
  const Set drops = compress::members_of(bench::uniform_support(kK, 11174, 2), vote);
  const auto codec =
      state.range(0) == 0
          ? compress::make_position_codec(compress::EntropyCodec::kId, kK, 0)
          : compress::make_position_codec(compress::BlockPositionCodec::kId, kK,
                                          static_cast<std::uint32_t>(state.range(0)));
  measure(
      state, encodes, drops,
      [&](comm::BitWriter& out) { codec->encode(compress::ranks_of(drops, vote), out); },
      [&](comm::BitReader& in) {
        return compress::members_of(codec->decode(in, drops.size()), vote);
      });
  if (!state.counters.contains("bits_per_position")) return;
  const double bits = bits_in_all(state, drops.size());
  bench::report_code(state, bits, kK, 11174);
  state.counters["over_rice"] = bits / rice_bits(compress::ranks_of(drops, vote));
}
void BM_RankedDropsEncode(benchmark::State& state) { ranked(state, true); }
void BM_RankedDropsDecode(benchmark::State& state) { ranked(state, false); }
BENCHMARK(BM_RankedDropsEncode)->ArgName("B")->Arg(10)->Arg(8)->Arg(0);
BENCHMARK(BM_RankedDropsDecode)->ArgName("B")->Arg(10)->Arg(8)->Arg(0);

// A mask or vote of K = 111,740, coded against one that shares `overlap` per thousand with it.
// over_entropy is the ratio to log2 of the number of choices of what left and of what is new.
// over_block is the ratio to the plain code at B = 64.
template <typename MakeCodec>
void difference(benchmark::State& state, bool encodes, const MakeCodec& make) {
  constexpr std::uint64_t kK = 111740;
  constexpr auto kD = static_cast<std::uint64_t>(bench::kResNet18);
  const std::uint64_t r = kK - kK * static_cast<std::uint64_t>(state.range(0)) / 1000;
  const Set previous = bench::uniform_support(kD, kK, 1);
  const Set kept = compress::members_of(bench::uniform_support(kK, kK - r, 2), previous);
  const Set added = compress::members_outside(bench::uniform_support(kD - kK, r, 3), previous, kD);
  Set mask(kK);
  std::merge(kept.begin(), kept.end(), added.begin(), added.end(), mask.begin());
  const auto codec = make(kD, previous);
  measure(
      state, encodes, mask, [&](comm::BitWriter& out) { codec.encode(mask, out); },
      [&](comm::BitReader& in) { return codec.decode(in, kK); });
  if (!state.counters.contains("bits_per_position")) return;
  const double bits = bits_in_all(state, kK);
  state.counters["over_entropy"] = bits / (log2_choices(kK, r) + log2_choices(kD - kK, r));
  state.counters["over_block"] =
      bits / static_cast<double>(compress::BlockPositionCodec(kD, 64).size(kK).count());
}
compress::DeltaCodec delta(std::uint64_t d, const Set& previous) { return {d, previous}; }
// Whole sets are in a code of which every size is known: what follows is the change alone.
compress::ChangeCodec change(std::uint64_t d, const Set& previous) {
  return {d, previous, std::make_shared<compress::BlockPositionCodec>(d, 64)};
}
void BM_DeltaEncode(benchmark::State& state) { difference(state, true, delta); }
void BM_DeltaDecode(benchmark::State& state) { difference(state, false, delta); }
void BM_ChangeEncode(benchmark::State& state) { difference(state, true, change); }
void BM_ChangeDecode(benchmark::State& state) { difference(state, false, change); }
void overlaps(benchmark::internal::Benchmark* b) {
  b->ArgName("overlap_permille")->Unit(benchmark::kMicrosecond);
  for (const std::int64_t overlap : {0, 10, 20, 40, 50, 100, 260, 360, 500, 740, 900, 1000}) {
    b->Arg(overlap);
  }
}
BENCHMARK(BM_DeltaEncode)->Apply(overlaps);
BENCHMARK(BM_DeltaDecode)->Apply(overlaps);
BENCHMARK(BM_ChangeEncode)->Apply(overlaps);
BENCHMARK(BM_ChangeDecode)->Apply(overlaps);

// The identity code: it copies as many positions as a vote has.
void BM_CopyPositions(benchmark::State& state) {
  const Set set = bench::uniform_support(bench::kResNet18, 111740, 1);
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    Set copy = set;
    benchmark::DoNotOptimize(copy.data());
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, set.size());
  bench::report_bytes(state, 4 * set.size(), seconds);
  state.counters["bits_per_position"] = 32;
}
BENCHMARK(BM_CopyPositions)->Unit(benchmark::kMicrosecond);

Set recorded(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::byte> bytes;
  for (std::istreambuf_iterator<char> it(file), end; it != end; ++it) {
    bytes.push_back(static_cast<std::byte>(*it));
  }
  comm::BitReader in(bytes, comm::Bits::of_bytes(bytes.size()));
  Set set(bytes.size() / 4);
  for (Index& position : set) position = static_cast<Index>(in.get(32));
  return set;
}

}  // namespace
}  // namespace mvsgd

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t colon = argument.find(':');
    if (colon == std::string::npos) return EXIT_FAILURE;
    const std::uint64_t d = std::stoull(argument);
    const std::string path = argument.substr(colon + 1);
    for (const std::string code : {"entropy", "rans"}) {
      for (const bool encodes : {true, false}) {
        std::string name = encodes ? "BM_RecordedEncode" : "BM_RecordedDecode";
        name.append("/code:").append(code).append("/").append(path);
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
          const auto codec = mvsgd::compress::position_codec_named(code).make(d, 1, 1);
          mvsgd::measure_codec(state, encodes, d, mvsgd::recorded(path), *codec);
        })->Unit(benchmark::kMicrosecond);
      }
    }
  }
  benchmark::RunSpecifiedBenchmarks();
}
