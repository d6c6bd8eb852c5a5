// The last step of a majority vote: which coordinates enter a mask, 64 at a time. Private: the
// choice of majority_vote.cpp and vote_sum.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "compress/draws.hpp"
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
class TieChoice {
 public:
  TieChoice(const TieBreak& tie, std::size_t wanted, std::size_t tied)
      : rule_(tie.rule),
        source_(tie.seed, Purpose::kTieBreak, tie.round),
        wanted_(wanted),
        left_(tied) {}

  /// Those of `tied`, the places of the next tied coordinates, that enter.
  std::uint64_t among(std::uint64_t tied) {
    return rule_ == TieBreak::Rule::index ? first_among(tied) : random_among(tied);
  }

 private:
  std::uint64_t first_among(std::uint64_t tied) {
    std::uint64_t chosen = 0;
    for (; tied != 0 && wanted_ > 0; tied &= tied - 1, --wanted_) chosen |= tied & (0 - tied);
    return chosen;
  }

  std::uint64_t random_among(std::uint64_t tied) {
    // Locals, since a member would go through memory at each draw; and no branch on what is drawn.
    std::uint64_t chosen = 0;
    std::size_t used = used_;
    std::size_t wanted = wanted_;
    auto left = static_cast<std::uint32_t>(left_);
    for (; tied != 0; tied &= tied - 1, --left) {
      std::uint64_t product = 0;
      do {
        if (used == halves_.size()) used = refill();
        product = std::uint64_t{halves_[used++]} * left;
      } while (is_refused(product, left));
      const std::uint64_t enters = product >> 32 < wanted ? 1 : 0;
      wanted -= enters;
      chosen |= tied & (0 - tied) & (0 - enters);
    }
    used_ = used;
    wanted_ = wanted;
    left_ = left;
    return chosen;
  }

  // Several counters at a time, so that their chains of multiplications overlap.
  std::size_t refill() {
    for (std::size_t h = 0; h < halves_.size();) {
      for (const std::uint64_t word : source_.next()) {
        halves_[h++] = static_cast<std::uint32_t>(word);
        halves_[h++] = static_cast<std::uint32_t>(word >> 32);
      }
    }
    return 0;
  }

  TieBreak::Rule rule_;
  RandomWords source_;
  std::array<std::uint32_t, 64> halves_{};
  std::size_t used_ = halves_.size();
  std::size_t wanted_;
  std::size_t left_;
};

}  // namespace mvsgd::compress
