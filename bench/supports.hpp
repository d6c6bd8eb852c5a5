// Votes for the benchmarks of the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "compress/top_k.hpp"

namespace mvsgd::bench {

/// Independent supports of K = d / 100, the hardest for the server: few coordinates are voted
/// twice, and most of a majority's mask is drawn from the tied.
inline std::vector<std::vector<compress::Index>> independent_supports(std::int64_t d,
                                                                      std::int64_t workers) {
  std::mt19937_64 random(1);
  std::vector<std::vector<compress::Index>> all(static_cast<std::size_t>(workers));
  for (auto& support : all) {
    std::int64_t wanted = d / 100;
    for (std::int64_t i = 0; i < d; ++i) {
      if (random() % static_cast<std::uint64_t>(d - i) >= static_cast<std::uint64_t>(wanted)) {
        continue;
      }
      support.push_back(static_cast<compress::Index>(i));
      --wanted;
    }
  }
  return all;
}

}  // namespace mvsgd::bench
