// Votes for the tests of what the server makes of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "compress/vote/majority_vote.hpp"

namespace mvsgd::compress {

/// Counts given outright: coordinate i gets counts[i] votes.
inline VoteCounts votes_of(const std::vector<std::uint32_t>& counts) {
  VoteCounts votes(counts.size());
  const std::uint32_t most = *std::max_element(counts.begin(), counts.end());
  for (std::uint32_t n = 0; n < most; ++n) {
    std::vector<Index> support;
    for (Index i = 0; i < counts.size(); ++i) {
      if (counts[i] > n) support.push_back(i);
    }
    votes.add(support);
  }
  return votes;
}

/// The instruction sets of this processor.
inline std::vector<Isa> supported_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (supports(isa)) isas.push_back(isa);
  }
  return isas;
}

/// k of d coordinates, increasing.
inline std::vector<Index> random_support(std::mt19937_64& random, std::size_t d, std::size_t k) {
  std::set<Index> support;
  while (support.size() < k) support.insert(static_cast<Index>(random() % d));
  return {support.begin(), support.end()};
}

}  // namespace mvsgd::compress
