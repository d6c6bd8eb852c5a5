// Supports for the benchmarks of the server and of the codes of positions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <random>
#include <vector>

#include "compress/select/top_k.hpp"

namespace mvsgd::bench {

/// k of d coordinates, each set as likely: drawn until k are distinct, or those that are not drawn
/// where they are the more.
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

/// Independent supports of K = d / 100, the hardest for the server: few coordinates are voted
/// twice, and most of a majority's mask is drawn from the tied.
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

}  // namespace mvsgd::bench
