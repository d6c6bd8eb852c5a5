// Votes for the tests of the server's use of votes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "compress/vote/vote_tally.hpp"
#include "tests/compress/vote/vote_counts.hpp"

namespace mvsgd::compress {

/// A vote of each worker such that coordinate i gets counts[i] votes.
inline std::vector<std::vector<Index>> supports_of(const std::vector<std::uint32_t>& counts) {
  std::vector<std::vector<Index>> supports(*std::max_element(counts.begin(), counts.end()));
  for (Index i = 0; i < counts.size(); ++i) {
    for (std::uint32_t n = 0; n < counts[i]; ++n) supports[n].push_back(i);
  }
  return supports;
}

inline VoteCounts counted(std::size_t d, std::span<const std::vector<Index>> supports) {
  VoteCounts votes(d);
  for (const auto& support : supports) votes.add(support);
  return votes;
}

inline VoteTally tallied(std::size_t d, std::span<const std::vector<Index>> supports) {
  VoteTally tally(d);
  tally.count(supports);
  return tally;
}

inline VoteCounts votes_of(const std::vector<std::uint32_t>& counts) {
  return counted(counts.size(), supports_of(counts));
}

inline VoteTally tally_of(const std::vector<std::uint32_t>& counts) {
  return tallied(counts.size(), supports_of(counts));
}

/// The instruction sets that this processor has.
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
