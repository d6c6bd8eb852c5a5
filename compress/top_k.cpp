// The exact top-K support by a sampled pivot, one compaction pass, and a radix selection among the
// candidates that are left.
#include "compress/top_k.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

namespace mvsgd::compress {
namespace {

// |x| as an integer of the same order: IEEE 754 magnitudes compare as their bits do.
// Signed, because every vector unit compares signed integers.
using Magnitude = std::int32_t;
constexpr Magnitude kInfinity = 0x7f800000;  // and NaNs above it

Magnitude magnitude(float x) { return std::bit_cast<Magnitude>(x) & 0x7fffffff; }

void check_arguments(std::span<const float> x, std::size_t k) {
  if (k > x.size() || x.size() > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument("top_k_support: k = " + std::to_string(k) +
                                " of d = " + std::to_string(x.size()));
  }
}

[[noreturn]] void throw_not_finite(std::span<const float> x, Index i) {
  throw std::invalid_argument("top_k_support: x[" + std::to_string(i) +
                              "] = " + std::to_string(x[i]) + " is not finite");
}

// A magnitude that at least k coordinates, and not many more, are likely to reach: an order
// statistic of a sample. Only the time depends on it being right. At most kInfinity.
Magnitude sampled_pivot(std::span<const float> x, std::size_t k) {
  if (k == 0) return kInfinity;
  // 2^15 leave a relative spread of 5.5 % at K = d / 100; a 64th of a short x keeps this cheap.
  const std::size_t size = std::min<std::size_t>(std::size_t{1} << 15, x.size() / 64);
  const double expected =
      static_cast<double>(k) / static_cast<double>(x.size()) * static_cast<double>(size);
  // Four deviations of the count to the safe side, and some more for when that count is small.
  const auto rank = static_cast<std::size_t>(expected + 4 * std::sqrt(expected) + 8);
  if (rank >= size) return 0;

  // Multiples of 2^32 over the golden ratio spread evenly and fall in step with no layer's shape.
  constexpr std::uint32_t kGolden = 0x9e3779b9;
  std::vector<Magnitude> sample(size);
  for (std::uint32_t j = 0; j < size; ++j) {
    sample[j] = magnitude(x[std::uint64_t{j * kGolden} * x.size() >> 32]);
  }
  const auto nth = sample.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(sample.begin(), nth, sample.end(), std::greater<>());
  return std::min(*nth, kInfinity);
}

// The coordinates of magnitude `pivot` <= kInfinity or more, increasing. Throws if one of them is
// not finite: none that is not is left out, so this is the check of all of x.
std::vector<Index> reaching(std::span<const float> x, Magnitude pivot) {
  // A cache line: most have no candidate at K = d / 100, and the maximum of one is a few vector
  // instructions.
  constexpr std::size_t kBlock = 16;
  std::array<Index, kBlock> found;
  std::vector<Index> candidates;
  for (std::size_t begin = 0; begin < x.size(); begin += kBlock) {
    const auto block = x.subspan(begin, std::min(kBlock, x.size() - begin));
    if (block.size() == kBlock) {
      Magnitude largest = 0;
      for (std::size_t j = 0; j < kBlock; ++j) largest = std::max(largest, magnitude(block[j]));
      if (largest < pivot) continue;
    }
    std::size_t count = 0;
    for (std::size_t j = 0; j < block.size(); ++j) {
      found[count] = static_cast<Index>(begin + j);
      count += magnitude(block[j]) >= pivot ? 1 : 0;
    }
    candidates.insert(candidates.end(), found.data(), found.data() + count);
  }
  for (const Index i : candidates) {
    if (magnitude(x[i]) >= kInfinity) throw_not_finite(x, i);
  }
  return candidates;
}

struct Threshold {
  Magnitude magnitude;  // of the last coordinate that is in
  std::size_t ties;     // how many of exactly that magnitude are in
};

// The magnitude of the k-th largest candidate, digit by digit from the top, 1 <= k <= candidates.
Threshold threshold(std::span<const float> x, std::span<const Index> candidates, std::size_t k) {
  struct Digit {
    unsigned shift;
    unsigned bits;
  };
  constexpr std::array<Digit, 3> kDigits = {{{20, 11}, {10, 10}, {0, 10}}};  // 31 bits in all
  Magnitude prefix = 0;  // the threshold's digits so far
  Magnitude known = 0;   // the bits that they take
  std::size_t wanted = k;
  for (const auto& [shift, bits] : kDigits) {
    std::array<std::size_t, 1 << 11> histogram{};
    const Magnitude mask = (Magnitude{1} << bits) - 1;
    for (const Index i : candidates) {
      const Magnitude m = magnitude(x[i]);
      if ((m & known) == prefix) ++histogram[static_cast<std::size_t>(m >> shift & mask)];
    }
    auto digit = static_cast<std::size_t>(mask);
    while (histogram[digit] < wanted) wanted -= histogram[digit--];
    prefix |= static_cast<Magnitude>(digit) << shift;
    known |= mask << shift;
  }
  return {.magnitude = prefix, .ties = wanted};
}

}  // namespace

std::vector<Index> top_k_support(std::span<const float> x, std::size_t k) {
  check_arguments(x, k);
  std::vector<Index> candidates = reaching(x, sampled_pivot(x, k));
  if (candidates.size() < k) candidates = reaching(x, 0);
  if (k == 0) return {};

  auto [last, ties] = threshold(x, candidates, k);
  std::vector<Index> support;
  support.reserve(k);
  for (const Index i : candidates) {
    const Magnitude m = magnitude(x[i]);
    if (m > last || (m == last && ties > 0)) {
      ties -= m == last ? 1 : 0;
      support.push_back(i);
    }
  }
  return support;
}

std::vector<Index> top_k_support_by_sorting(std::span<const float> x, std::size_t k) {
  check_arguments(x, k);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) throw_not_finite(x, static_cast<Index>(i));
  }
  std::vector<Index> order(x.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index i, Index j) { return std::fabs(x[i]) > std::fabs(x[j]); });
  order.resize(k);
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace mvsgd::compress
