// The worker's side of add-drop voting (SSGD-MV-AD): Algorithm 2 lines 12-15.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// A worker's change of its vote: two lists, each strictly increasing, of equal length.
struct VoteChange {
  std::vector<Index> add;   ///< supp M_add
  std::vector<Index> drop;  ///< supp M_drop
};

/// The change that moves a vote towards a new support, Algorithm 2 lines 12-14.
///
/// Which. M_add is the first k_t of top \ previous in the order of top_k_support
/// (larger |x| first, ties by lower index). M_drop is the last k_t of previous \ top in that order.
/// k_t = min(k_ad, |top \ previous|). The two differences are equally large, so the vote keeps its
/// size.
///
///   x         [d], finite
///   top       [K], strictly increasing: supp M_{n,t}
///   previous  [K], strictly increasing: the vote of the round before
///   returns   k_t of each
///
/// Throws std::invalid_argument if top or previous has an index out of range or out of order, if
/// they have different lengths, or if x is NaN or infinite at one of them.
///
/// Cost: expected O(K).
[[nodiscard]] VoteChange add_drop(std::span<const float> x, std::span<const Index> top,
                                  std::span<const Index> previous, std::size_t k_ad);

/// The definition of add_drop: masks of all d coordinates, and sorting. For tests.
[[nodiscard]] VoteChange add_drop_by_sorting(std::span<const float> x, std::span<const Index> top,
                                             std::span<const Index> previous, std::size_t k_ad);

/// Algorithm 2 line 15: previous + add - drop.
///
///   previous  [K], strictly increasing
///   returns   [K], strictly increasing
///
/// Throws std::invalid_argument if a list does not increase, if add and drop have different
/// lengths, or if previous has a coordinate of add or lacks one of drop. Cost: O(K).
[[nodiscard]] std::vector<Index> changed_vote(std::span<const Index> previous,
                                              const VoteChange& change);

}  // namespace mvsgd::compress
