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

#include "compress/reaching.hpp"

namespace mvsgd::compress {
namespace {

// |x| as an integer of the same order: IEEE 754 magnitudes compare as their bits do.
// Signed, because every vector unit compares signed integers.
using Magnitude = std::int32_t;
constexpr Magnitude kInfinity = 0x7f800000;  // and NaNs above it

constexpr auto kMagnitude = [](float x) { return std::bit_cast<Magnitude>(x) & 0x7fffffff; };

void check_arguments(std::span<const float> x, std::size_t k) {
  if (k > x.size() || x.size() > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument("top_k_support: k = " + std::to_string(k) +
                                " of d = " + std::to_string(x.size()));
  }
}

[[noreturn]] void throw_not_finite(std::span<const float> x, std::size_t i) {
  throw std::invalid_argument("top_k_support: x[" + std::to_string(i) +
                              "] = " + std::to_string(x[i]) + " is not finite");
}

// A magnitude that at least k coordinates, and not many more, are likely to reach: an order
// statistic of a sample. Only the time depends on it being right. At most kInfinity.
Magnitude sampled_pivot(std::span<const float> x, std::size_t k) {
  if (k == 0) return kInfinity;
  // 2^14 leave a relative spread of 8 % at K = d / 100; a 64th of a short x keeps this cheap.
  const std::size_t size = std::min<std::size_t>(std::size_t{1} << 14, x.size() / 64);
  const double expected =
      static_cast<double>(k) / static_cast<double>(x.size()) * static_cast<double>(size);
  // Four deviations of the count to the safe side, and some more for when that count is small.
  const auto rank = static_cast<std::size_t>(expected + 4 * std::sqrt(expected) + 8);
  if (rank >= size) return 0;

  // Multiples of 2^32 over the golden ratio spread evenly and fall in step with no layer's shape.
  constexpr std::uint32_t kGolden = 0x9e3779b9;
  std::vector<Magnitude> sample(size);
  for (std::uint32_t j = 0; j < size; ++j) {
    sample[j] = kMagnitude(x[std::uint64_t{j * kGolden} * x.size() >> 32]);
  }
  const auto nth = sample.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(sample.begin(), nth, sample.end(), std::greater<>());
  return std::min(*nth, kInfinity);
}

struct Candidate {
  Index index;
  Magnitude magnitude;
};

// The coordinates of magnitude `pivot` <= kInfinity or more, increasing. Throws if one of them is
// not finite: none that is not is left out, so this is the check of all of x.
std::vector<Candidate> reaching(std::span<const float> x, Magnitude pivot) {
  std::vector<Candidate> candidates;
  for_each_reaching(x, kMagnitude, pivot, [&](std::size_t i) {
    const Magnitude m = kMagnitude(x[i]);
    if (m >= kInfinity) throw_not_finite(x, i);
    candidates.push_back({.index = static_cast<Index>(i), .magnitude = m});
  });
  return candidates;
}

struct Threshold {
  Magnitude magnitude;  // of the last coordinate that is in
  std::size_t ties;     // how many of exactly that magnitude are in
};

// The magnitude of the k-th largest candidate, digit by digit from the top, 1 <= k <= candidates.
Threshold threshold(std::span<const Candidate> candidates, std::size_t k) {
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
    for (const auto& [i, m] : candidates) {
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
  std::vector<Candidate> candidates = reaching(x, sampled_pivot(x, k));
  if (candidates.size() < k) candidates = reaching(x, 0);
  if (k == 0) return {};

  auto [last, ties] = threshold(candidates, k);
  std::vector<Index> support;
  support.reserve(k);
  for (const auto& [i, m] : candidates) {
    if (m < last || (m == last && ties == 0)) continue;
    ties -= m == last ? 1 : 0;
    support.push_back(i);
  }
  return support;
}

std::vector<Index> top_k_support_by_sorting(std::span<const float> x, std::size_t k) {
  check_arguments(x, k);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) throw_not_finite(x, i);
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
