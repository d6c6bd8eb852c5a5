// The last step of a majority vote: which coordinates enter a mask, 64 at a time. Private: the
// choice of majority_vote.cpp and vote_sum.cpp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compress/majority_vote.hpp"

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

/// Chooses among the tied coordinates, in increasing order: `wanted` of `tied`, by the numbers and
/// the rule of majority_mask's definition, which draws them one at a time.
///
/// All draws are made at once, before any place is looked at, so that they are arithmetic on whole
/// arrays: a bit each, kept in the tied coordinates' order.
class TieChoice {
 public:
  TieChoice(const TieBreak& tie, std::size_t wanted, std::size_t tied);

  /// Those of `tied`, the places of the next tied coordinates, that enter.
  std::uint64_t among(std::uint64_t tied) {
    const auto count = static_cast<unsigned>(std::popcount(tied));
    std::uint64_t enters = enters_[used_ / 64] >> used_ % 64;
    enters |= enters_[used_ / 64 + 1] << 1 << (63 - used_ % 64);
    used_ += count;
    if (count < 64) enters &= (std::uint64_t{1} << count) - 1;
    return count <= 32 ? to_ones(enters, tied) : past_zeros(enters, tied);
  }

 private:
  // Moves bit n of `bits` to the n-th one of `places`: where these are few, by going through them,
  // else by going through the zeros.
  static std::uint64_t to_ones(std::uint64_t bits, std::uint64_t places) {
    std::uint64_t moved = 0;
    for (; bits != 0; bits >>= 1, places &= places - 1) {
      moved |= places & (0 - places) & (0 - (bits & 1));
    }
    return moved;
  }
  static std::uint64_t past_zeros(std::uint64_t bits, std::uint64_t places) {
    for (std::uint64_t zeros = ~places; zeros != 0; zeros &= zeros - 1) {
      const std::uint64_t below = (zeros & (0 - zeros)) - 1;
      bits += bits & ~below;
    }
    return bits;
  }

  void draw(const TieBreak& tie, std::size_t wanted, std::size_t tied);

  std::vector<std::uint64_t> enters_;  // and a word more, which is read and means nothing
  std::size_t used_ = 0;
};

}  // namespace mvsgd::compress
