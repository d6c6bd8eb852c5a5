// S_rand-weighted, the random selection of Algorithm 1 line 15 (SSGD-MV-RS).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compress/vote/majority_vote.hpp"

namespace mvsgd::compress {

/// The mask of SSGD-MV-RS: k distinct coordinates, more likely the more votes they have.
///
/// Successive sampling without replacement. Each of k draws takes one of the coordinates not yet
/// taken, with probability exactly its votes over all votes of these coordinates. That is the
/// distribution of drawing from all votes, rejecting repeats, until there are k distinct
/// coordinates.
///
///   returns  [k], strictly increasing: a function of counts, k, seed and round, not of the order
///            in which workers voted (compress/README.md has the rule)
///
/// Throws std::invalid_argument if fewer than k coordinates have a vote.
///
/// Cost: O(N K + k log(N K)) time, and 8 bytes of scratch for each 32 votes; no pass over all d.
[[nodiscard]] std::vector<Index> random_selection(const VoteTally& tally, std::size_t k,
                                                  std::uint64_t seed, std::uint64_t round);

/// The same in each layer by itself, layer l, counted from 0, with the numbers of part l + 1 of the
/// round. Throws std::invalid_argument as check_layers() does, or if fewer than k coordinates of a
/// layer have a vote.
[[nodiscard]] std::vector<Index> random_selection(const VoteTally& tally,
                                                  std::span<const Layer> layers, std::uint64_t seed,
                                                  std::uint64_t round);

/// The definition of random_selection: each draw scans all coordinates. O(k d). With part = l + 1
/// it is that of layer l, whose counts are given. For tests.
[[nodiscard]] std::vector<Index> random_selection_by_scanning(std::span<const std::uint32_t> counts,
                                                              std::size_t k, std::uint64_t seed,
                                                              std::uint64_t round,
                                                              std::uint64_t part = 0);

}  // namespace mvsgd::compress
