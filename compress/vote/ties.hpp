// The threshold of a majority vote, and which of the coordinates at it enter. Private: the choice
// of majority_vote.cpp and vote_sum.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/isa.hpp"
#include "compress/vote/majority_vote.hpp"

namespace mvsgd::compress {

/// The votes of the last coordinates of a mask, and how many of those that have exactly so many are
/// in it.
struct VoteThreshold {
  std::size_t votes;
  std::size_t wanted;
};

/// Of the k coordinates of most votes, 1 <= k <= the sum of with_count[1..]: with_count[c] is how
/// many coordinates have c votes.
inline VoteThreshold vote_threshold(std::span<const std::size_t> with_count, std::size_t k) {
  VoteThreshold threshold = {.votes = with_count.size() - 1, .wanted = k};
  while (with_count[threshold.votes] < threshold.wanted) {
    threshold.wanted -= with_count[threshold.votes--];
  }
  return threshold;
}

/// Throws std::invalid_argument unless k of the `voted` coordinates with a vote can be chosen.
void check_mask_size(std::size_t k, std::size_t voted);

/// Which of `tied` coordinates, in increasing order, enter: `wanted` of them, by the numbers and
/// the rule of compress/README.md, which draws them one at a time. A bit each, and two
/// words more, whose bits mean nothing.
///
/// All draws are made at once, before any coordinate is looked at, so that they are arithmetic on
/// whole arrays.
[[nodiscard]] std::vector<std::uint64_t> draw_ties(const TieBreak& tie, std::size_t wanted,
                                                   std::size_t tied, Isa isa);

}  // namespace mvsgd::compress
