// Supports for the benchmarks of the server and of the position codes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <numeric>
#include <random>
#include <vector>

#include "compress/select/top_k.hpp"

namespace mvsgd::bench {

/// k of d coordinates, every set equally likely. Coordinates are drawn until k are distinct; if k
/// is more than half of d, the d - k that are left out are drawn instead.
inline std::vector<compress::Index> uniform_support(std::uint64_t d, std::uint64_t k,
                                                    std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::uint64_t fewer = std::min(k, d - k);
  std::vector<compress::Index> drawn;
  while (drawn.size() < fewer) {
    while (drawn.size() < fewer) drawn.push_back(static_cast<compress::Index>(random() % d));
    std::sort(drawn.begin(), drawn.end());
    drawn.erase(std::unique(drawn.begin(), drawn.end()), drawn.end());
  }
  if (k == fewer) return drawn;
  std::vector<compress::Index> all(d);
  std::iota(all.begin(), all.end(), compress::Index{0});
  std::vector<compress::Index> others;
  std::set_difference(all.begin(), all.end(), drawn.begin(), drawn.end(),
                      std::back_inserter(others));
  return others;
}

/// Independent supports of K = d / 100, the hardest for the server: few coordinates get two votes,
/// so most of a majority's mask is drawn from ties.
inline std::vector<std::vector<compress::Index>> independent_supports(std::int64_t d,
                                                                      std::int64_t workers) {
  std::vector<std::vector<compress::Index>> all;
  for (std::int64_t n = 1; n <= workers; ++n) {
    all.push_back(uniform_support(static_cast<std::uint64_t>(d),
                                  static_cast<std::uint64_t>(d / 100),
                                  static_cast<std::uint64_t>(n)));
  }
  return all;
}

/// For each of d coordinates, the number of supports that have it.
inline std::vector<std::uint32_t> counts_of(
    const std::vector<std::vector<compress::Index>>& supports, std::int64_t d) {
  std::vector<std::uint32_t> counts(static_cast<std::size_t>(d));
  for (const auto& support : supports) {
    for (const compress::Index i : support) ++counts[i];
  }
  return counts;
}

/// Whether the mask has k coordinates in increasing order, and no coordinate outside it has more
/// votes than one inside.
inline bool is_majority(const std::vector<std::uint32_t>& counts, std::size_t k,
                        const std::vector<compress::Index>& mask) {
  if (mask.size() != k || !std::is_sorted(mask.begin(), mask.end(), std::less_equal<>())) {
    return false;
  }
  std::vector<bool> in(counts.size());
  std::uint32_t fewest = ~0U;
  for (const compress::Index i : mask) {
    in[i] = true;
    fewest = std::min(fewest, counts[i]);
  }
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in[i] && counts[i] > fewest) return false;
  }
  return true;
}

}  // namespace mvsgd::bench
