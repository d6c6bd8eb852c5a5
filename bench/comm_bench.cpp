// How fast bits become bytes and back, and what a message costs beside its bits.
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "bench/throughput.hpp"
#include "comm/inproc/inproc.hpp"

namespace mvsgd {
namespace {

using comm::BitReader;
using comm::Bits;
using comm::BitWriter;

constexpr std::size_t kNumbers = std::size_t{1} << 16;
constexpr std::size_t kPaperK = 111740;  // K of the paper's ResNet-18 at phi = 1 / 100

std::vector<std::uint64_t> numbers(unsigned width) {
  std::mt19937_64 random(width);
  std::vector<std::uint64_t> all(kNumbers);
  for (std::uint64_t& number : all) number = random() >> (64 - width);
  return all;
}

std::vector<std::byte> written(std::span<const std::uint64_t> all, unsigned width) {
  BitWriter out;
  out.reserve(Bits(all.size() * width));
  for (const std::uint64_t number : all) out.put(number, width);
  return out.take();
}

bool are_read_back(std::span<const std::byte> bytes, std::span<const std::uint64_t> all,
                   unsigned width) {
  BitReader in(bytes, Bits(all.size() * width));
  for (const std::uint64_t number : all) {
    if (in.get(width) != number) return false;
  }
  return true;
}

// Items: numbers. Bytes: those of the stream.
void BM_Put(benchmark::State& state) {
  const auto width = static_cast<unsigned>(state.range(0));
  const auto all = numbers(width);
  if (!are_read_back(written(all, width), all, width)) return state.SkipWithError("wrong bits");
  const double start = bench::thread_seconds();
  for (auto _ : state) benchmark::DoNotOptimize(written(all, width).data());
  bench::report_items(state, all.size());
  bench::report_bytes(state, all.size() * width / 8, bench::thread_seconds() - start);
}

void BM_Get(benchmark::State& state) {
  const auto width = static_cast<unsigned>(state.range(0));
  const auto all = numbers(width);
  const auto bytes = written(all, width);
  if (!are_read_back(bytes, all, width)) return state.SkipWithError("wrong bits");
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    BitReader in(bytes, Bits(all.size() * width));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < all.size(); ++i) sum += in.get(width);
    benchmark::DoNotOptimize(sum);
  }
  bench::report_items(state, all.size());
  bench::report_bytes(state, all.size() * width / 8, bench::thread_seconds() - start);
}

// K float32 values behind `offset` bits, written and read back. Bytes: the values, written and
// read.
void BM_Floats(benchmark::State& state) {
  const auto offset = static_cast<unsigned>(state.range(0));
  const std::vector<float> values(kPaperK, 0.1F);
  std::vector<float> read(values.size());
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    BitWriter out;
    out.put(0, offset);
    out.put_floats(values);
    const Bits size = out.size();
    const auto bytes = out.take();
    BitReader in(bytes, size);
    benchmark::DoNotOptimize(in.get(offset));
    in.get_floats(read);
    benchmark::DoNotOptimize(read.data());
  }
  const double seconds = bench::thread_seconds() - start;
  if (read != values) return state.SkipWithError("wrong values");
  bench::report_items(state, values.size());
  bench::report_bytes(state, 8 * values.size(), seconds);
}

// A message of float32 values from a worker to the server. It is built, counted three times, moved
// and read, and its round is closed. Items: messages. Bytes: the values, written and read.
void BM_Message(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  const std::vector<float> values(count, 0.1F);
  std::vector<float> read(values.size());
  comm::InprocGroup group(1);
  comm::Transport& worker = group.end(0);
  comm::Transport& server = group.end(1);
  std::uint32_t round = 0;
  std::size_t rows = 0;
  const double start = bench::thread_seconds();
  for (auto _ : state) {
    comm::MessageWriter writer({.kind = comm::Kind::update,
                                .value_bits = 32,
                                .sender = 0,
                                .round = ++round,
                                .dimension = count,
                                .count = count});
    writer.field(comm::Field::values).put_floats(values);
    worker.send(worker.server(), std::move(writer).finish());
    comm::Incoming incoming = server.receive(0, comm::Kind::update, round);
    incoming.field(comm::Field::values).get_floats(read);
    incoming.close();
    worker.report_round(round, {});
    rows = server.close_round(round).rows.size();
  }
  const double seconds = bench::thread_seconds() - start;
  if (read != values || rows != (count == 0 ? 1 : 2)) return state.SkipWithError("wrong message");
  bench::report_items(state, 1);
  bench::report_bytes(state, 8 * values.size(), seconds);
}

BENCHMARK(BM_Put)->ArgName("width")->Arg(1)->Arg(7)->Arg(17)->Arg(64)->Unit(
    benchmark::kMicrosecond);
BENCHMARK(BM_Get)->ArgName("width")->Arg(1)->Arg(7)->Arg(17)->Arg(64)->Unit(
    benchmark::kMicrosecond);
BENCHMARK(BM_Floats)->ArgName("offset")->Arg(0)->Arg(3)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_Message)
    ->ArgName("values")
    ->Arg(1)
    ->Arg(kPaperK)
    ->Arg(bench::kResNet18)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mvsgd
