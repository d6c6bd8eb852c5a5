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

/// The fewest votes that a coordinate of a mask has, and how many coordinates with exactly so many
/// are in it.
struct VoteThreshold {
  std::size_t votes;
  std::size_t wanted;
};

/// The threshold of the k coordinates with the most votes. with_count[c] is how many coordinates
/// have c votes; 1 <= k <= the sum of with_count[1..].
inline VoteThreshold vote_threshold(std::span<const std::size_t> with_count, std::size_t k) {
  VoteThreshold threshold = {.votes = with_count.size() - 1, .wanted = k};
  while (with_count[threshold.votes] < threshold.wanted) {
    threshold.wanted -= with_count[threshold.votes--];
  }
  return threshold;
}

/// Throws std::invalid_argument unless k of the `voted` coordinates with a vote can be chosen.
void check_mask_size(std::size_t k, std::size_t voted);

/// Which of `tied` coordinates enter, a bit each, in increasing order: `wanted` of them, by the
/// numbers and the rule of compress/README.md, which draws them one at a time. Two more words
/// follow, whose bits mean nothing.
///
/// All draws are made at once, before any coordinate is looked at, so that they are arithmetic on
/// whole arrays.
[[nodiscard]] std::vector<std::uint64_t> draw_ties(const TieBreak& tie, std::size_t wanted,
                                                   std::size_t tied, Isa isa);

}  // namespace mvsgd::compress
