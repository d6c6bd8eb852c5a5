// Fuzzes VoteSum, which adds up lists from peers: a list is refused and changes nothing, or it
// changes the sum as eq 16 says.
//
// Input: N, K, K_ad and whether the votes are kept, a byte each; then calls. A call is a worker,
// the numbers of coordinates added and dropped, and these coordinates, a byte each. A worker's
// first call is its full vote; its drops are ignored.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/vote/vote_sum.hpp"
#include "tests/compress/vote/vote_counts.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::comm::DecodeError;
using mvsgd::compress::Index;
using mvsgd::compress::VoteChange;
using mvsgd::compress::VoteSum;
using mvsgd::fuzz::check;

constexpr std::size_t kPrefix = 4;
constexpr std::size_t kD = 70;  // more than one word of 64 coordinates
constexpr std::uint32_t kMostWorkers = 5;

struct Call {
  std::uint32_t worker;
  VoteChange change;
};

std::uint32_t byte(BitReader& in) { return static_cast<std::uint32_t>(in.get(8)); }

std::vector<Index> list(BitReader& in, std::uint32_t count) {
  std::vector<Index> indices(count);
  std::ranges::generate(indices, [&] { return byte(in); });
  return indices;
}

/// The next call; nullopt after the last.
std::optional<Call> next_call(BitReader& in, std::uint32_t workers) {
  try {
    const std::uint32_t worker = byte(in) % workers;
    const std::uint32_t adds = byte(in);
    const std::uint32_t drops = byte(in);
    std::vector<Index> add = list(in, adds);
    return Call{worker, {.add = std::move(add), .drop = list(in, drops)}};
  } catch (const DecodeError&) {
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kPrefix) return 0;
  BitReader in(std::as_bytes(std::span(data, size)), Bits::of_bytes(size));
  const std::uint32_t workers = 1 + byte(in) % kMostWorkers;
  const std::size_t k = 1 + byte(in) % 16;
  const std::size_t k_ad = 1 + byte(in) % 16;
  const bool check_votes = byte(in) % 2 != 0;
  VoteSum sum(kD, {.workers = workers, .k = k, .k_ad = k_ad, .check_votes = check_votes});
  std::vector<bool> has_voted(workers);
  std::vector<std::uint32_t> counts(kD);
  while (const auto call = next_call(in, workers)) {
    const auto& [worker, change] = *call;
    const bool first = !has_voted[worker];
    try {
      first ? sum.first(worker, change.add) : sum.change(worker, change);
      has_voted[worker] = true;
      for (const Index i : change.add) ++counts.at(i);
      if (!first) {
        for (const Index i : change.drop) --counts.at(i);
      }
    } catch (const DecodeError&) {
    }
    check(sum.counts() == counts, "a list has changed the sum as eq 16 says, or not at all");
    check(std::ranges::all_of(counts, [&](std::uint32_t c) { return c <= workers; }),
          "a coordinate has N votes at the most");
  }
  // Changes that cannot be told from honest ones may leave fewer.
  if (kD - static_cast<std::size_t>(std::ranges::count(counts, 0U)) >= k) {
    check(sum.majority_mask(k, {}) == mvsgd::compress::majority_mask(counts, k, {}),
          "the mask is that of the counts");
  }
  return 0;
}
