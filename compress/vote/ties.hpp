// The threshold of a majority vote, and the choice of the coordinates at it that enter. Private to
// majority_vote.cpp and vote_sum.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/isa.hpp"
#include "compress/vote/majority_vote.hpp"

namespace mvsgd::compress {

/// The fewest votes of a coordinate in the mask, and the number of coordinates with exactly that
/// many that are in it.
struct VoteThreshold {
  std::size_t votes;
  std::size_t wanted;
};

/// The threshold of the k coordinates with the most votes. with_count[c] is the number of
/// coordinates with c votes; 1 <= k <= the sum of with_count[1..].
inline VoteThreshold vote_threshold(std::span<const std::size_t> with_count, std::size_t k) {
  VoteThreshold threshold = {.votes = with_count.size() - 1, .wanted = k};
  while (with_count[threshold.votes] < threshold.wanted) {
    threshold.wanted -= with_count[threshold.votes--];
  }
  return threshold;
}

/// Throws std::invalid_argument if k is more than the `voted` coordinates with a vote.
void check_mask_size(std::size_t k, std::size_t voted);

/// Chooses `wanted` of `tied` coordinates: a bit for each, in increasing order, says whether it
/// enters. The numbers and the rule are those of compress/README.md, which draws one at a time. Two
/// words of meaningless bits follow.
///
/// All draws are made at once, before any coordinate is looked at, so they are arithmetic on whole
/// arrays.
[[nodiscard]] std::vector<std::uint64_t> draw_ties(const TieBreak& tie, std::size_t wanted,
                                                   std::size_t tied, Isa isa);

}  // namespace mvsgd::compress
