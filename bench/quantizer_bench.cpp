// How fast K values are quantised, written, read and recovered.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "bench/throughput.hpp"
#include "compress/values/code_entropy.hpp"
#include "compress/values/fractional_quantizer.hpp"
#include "compress/values/scaled_sign.hpp"

namespace mvsgd {
namespace {

using compress::FractionalQuantizer;
using compress::Quantized;
using compress::Quantizer;
using compress::ScaledSign;

// Values such as a mask selects from a gradient: of either sign, without small magnitudes.
std::vector<float> values(std::int64_t k) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal(0.0F, 1e-3F);
  std::vector<float> v;
  while (v.size() < static_cast<std::size_t>(k)) {
    const float x = normal(random);
    if (std::fabs(x) > 2e-3F) v.push_back(x);
  }
  return v;
}

bool is_recovered(const Quantizer& quantizer, const std::vector<float>& v) {
  std::vector<float> recovered(v.size());
  quantizer.recover(quantizer.quantize(v), recovered);
  double error = 0;
  double norm = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    error += static_cast<double>(recovered[i] - v[i]) * (recovered[i] - v[i]);
    norm += static_cast<double>(v[i]) * v[i];
  }
  return error < norm / 4;  // all magnitudes lie within a factor of three or so
}

// Items: values. Bytes: the values, read once.
void quantize(benchmark::State& state, const Quantizer& quantizer) {
  const auto v = values(state.range(0));
  if (!is_recovered(quantizer, v)) return state.SkipWithError("wrong values");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    auto quantized = quantizer.quantize(v);
    benchmark::DoNotOptimize(quantized.codes.data());
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, v.size());
  bench::report_bytes(state, 4 * v.size(), seconds);
}

// Items: values. Bytes: the values, written once.
void recover(benchmark::State& state, const Quantizer& quantizer) {
  auto v = values(state.range(0));
  if (!is_recovered(quantizer, v)) return state.SkipWithError("wrong values");
  const Quantized quantized = quantizer.quantize(v);
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    quantizer.recover(quantized, v);
    benchmark::ClobberMemory();
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, v.size());
  bench::report_bytes(state, 4 * v.size(), seconds);
}

void BM_ScaledSignQuantize(benchmark::State& state) { quantize(state, ScaledSign(0)); }
void BM_ScaledSignRecover(benchmark::State& state) { recover(state, ScaledSign(0)); }
void BM_FractionalQuantize(benchmark::State& state) {
  quantize(state, FractionalQuantizer(static_cast<unsigned>(state.range(1))));
}
void BM_FractionalRecover(benchmark::State& state) {
  recover(state, FractionalQuantizer(static_cast<unsigned>(state.range(1))));
}

std::vector<std::uint8_t> codes(std::int64_t k, unsigned q) {
  std::mt19937_64 random(2);
  std::vector<std::uint8_t> all(static_cast<std::size_t>(k));
  for (auto& code : all) code = static_cast<std::uint8_t>(random() >> (64 - q));
  return all;
}

// Items: codes. Bytes: the codes, a byte each.
void BM_EncodeCodes(benchmark::State& state) {
  const auto q = static_cast<unsigned>(state.range(1));
  const auto written = codes(state.range(0), q);
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    comm::BitWriter out;
    compress::encode_codes(written, q, out);
    benchmark::DoNotOptimize(out.take().data());
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, written.size());
  bench::report_bytes(state, written.size(), seconds);
}

// Items: codes. Bytes: the codes, a byte each.
void BM_DecodeCodes(benchmark::State& state) {
  const auto q = static_cast<unsigned>(state.range(1));
  const auto written = codes(state.range(0), q);
  comm::BitWriter out;
  compress::encode_codes(written, q, out);
  const comm::Bits size = out.size();
  const auto bytes = out.take();
  const auto read = [&] {
    comm::BitReader in(bytes, size);
    return compress::decode_codes(in, written.size(), q);
  };
  if (read() != written) return state.SkipWithError("wrong codes");
  const double start = bench::thread_seconds();
  for (auto _ : state) benchmark::DoNotOptimize(read().data());
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, written.size());
  bench::report_bytes(state, written.size(), seconds);
}

// Codes such as recorded rounds have. Higher levels are rarer, the more so where a value is marked;
// one value in six is. Signs are fair. Without the own vote, the same codes have no marks.
struct Marked {
  std::vector<std::uint8_t> codes;
  std::vector<std::uint8_t> own;
};

Marked marked_codes(std::int64_t k, unsigned q) {
  std::mt19937_64 random(3);
  std::exponential_distribution<double> falls(1);
  const unsigned levels = 1U << (q - 1);
  Marked all;
  for (std::int64_t i = 0; i < k; ++i) {
    const bool own = random() % 6 == 0;
    const double level = falls(random) * (own ? 0.4 : 1.0) * levels / 4;
    const unsigned last = std::min(levels - 1, static_cast<unsigned>(level));
    all.codes.push_back(static_cast<std::uint8_t>(last | (random() % 2) << (q - 1)));
    all.own.push_back(own);
  }
  return all;
}

// Items: codes. Bytes: the codes, a byte each.
void code_entropy(benchmark::State& state, bool encodes) {
  const auto q = static_cast<unsigned>(state.range(1));
  Marked all = marked_codes(state.range(0), q);
  if (state.range(2) == 0) all.own.clear();
  comm::BitWriter out;
  compress::encode_codes_by_entropy(all.codes, q, all.own, out);
  const comm::Bits size = out.size();
  const auto bytes = out.take();
  const auto read = [&] {
    comm::BitReader in(bytes, size);
    return compress::decode_codes_by_entropy(in, all.codes.size(), q, all.own);
  };
  if (read() != all.codes) return state.SkipWithError("wrong codes");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    if (encodes) {
      comm::BitWriter again;
      compress::encode_codes_by_entropy(all.codes, q, all.own, again);
      benchmark::DoNotOptimize(again.take().data());
    } else {
      benchmark::DoNotOptimize(read().data());
    }
  }
  const double seconds = bench::thread_seconds() - start;
  bench::report_items(state, all.codes.size());
  bench::report_bytes(state, all.codes.size(), seconds);
  state.counters["bits_per_value"] =
      static_cast<double>(size.count()) / static_cast<double>(all.codes.size());
}
void BM_EncodeCodesByEntropy(benchmark::State& state) { code_entropy(state, true); }
void BM_DecodeCodesByEntropy(benchmark::State& state) { code_entropy(state, false); }

// K of the paper's ResNet-18 at phi = 1 / 100.
constexpr std::int64_t kPaperK = 111740;

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgName("K")->Arg(1 << 12)->Arg(kPaperK)->Unit(benchmark::kMicrosecond);
}
void sizes_and_bits(benchmark::internal::Benchmark* b) {
  b->ArgNames({"K", "q"})->Unit(benchmark::kMicrosecond);
  for (const std::int64_t q : {2, 4, 8}) b->Args({kPaperK, q});
}
void sizes_bits_and_votes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"K", "q", "own"})->Unit(benchmark::kMicrosecond);
  b->ArgsProduct({{kPaperK, 1765}, {2, 4, 8}, {1, 0}});  // 1765 at width 8
}
BENCHMARK(BM_ScaledSignQuantize)->Apply(sizes);
BENCHMARK(BM_ScaledSignRecover)->Apply(sizes);
BENCHMARK(BM_FractionalQuantize)->Apply(sizes_and_bits);
BENCHMARK(BM_FractionalRecover)->Apply(sizes_and_bits);
BENCHMARK(BM_EncodeCodes)->Apply(sizes_and_bits);
BENCHMARK(BM_DecodeCodes)->Apply(sizes_and_bits);
BENCHMARK(BM_EncodeCodesByEntropy)->Apply(sizes_bits_and_votes);
BENCHMARK(BM_DecodeCodesByEntropy)->Apply(sizes_bits_and_votes);

}  // namespace
}  // namespace mvsgd
