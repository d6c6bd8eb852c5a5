// How fast K values are quantised, written, read and recovered.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "bench/throughput.hpp"
#include "compress/values/fractional_quantizer.hpp"
#include "compress/values/scaled_sign.hpp"

namespace mvsgd {
namespace {

using compress::FractionalQuantizer;
using compress::Quantized;
using compress::Quantizer;
using compress::ScaledSign;

// What a mask selects of a gradient: of either sign, the small magnitudes missing.
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

// K of the paper's ResNet-18 at phi = 1 / 100.
constexpr std::int64_t kPaperK = 111740;

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgName("K")->Arg(1 << 12)->Arg(kPaperK)->Unit(benchmark::kMicrosecond);
}
void sizes_and_bits(benchmark::internal::Benchmark* b) {
  b->ArgNames({"K", "q"})->Unit(benchmark::kMicrosecond);
  for (const std::int64_t q : {2, 4, 8}) b->Args({kPaperK, q});
}
BENCHMARK(BM_ScaledSignQuantize)->Apply(sizes);
BENCHMARK(BM_ScaledSignRecover)->Apply(sizes);
BENCHMARK(BM_FractionalQuantize)->Apply(sizes_and_bits);
BENCHMARK(BM_FractionalRecover)->Apply(sizes_and_bits);
BENCHMARK(BM_EncodeCodes)->Apply(sizes_and_bits);
BENCHMARK(BM_DecodeCodes)->Apply(sizes_and_bits);

}  // namespace
}  // namespace mvsgd
