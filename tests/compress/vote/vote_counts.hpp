// The definition of a majority vote: a vector of d counts, and masks chosen from it one coordinate
// after another. VoteTally and VoteSum are compared with it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "compress/vote/draws.hpp"
#include "compress/vote/majority_vote.hpp"

namespace mvsgd::compress {

/// The sum of the workers' votes, sum_n M_n of eq 9.
class VoteCounts {
 public:
  /// Throws std::invalid_argument if d = 0 or d >= 2^32.
  explicit VoteCounts(std::size_t d) {
    if (d == 0 || d > std::numeric_limits<Index>::max()) {
      throw std::invalid_argument("VoteCounts: d = " + std::to_string(d));
    }
    counts_.resize(d);
  }

  /// Adds one vote: strictly increasing indices less than d. Throws std::invalid_argument if they
  /// are not; the counts are then unchanged.
  void add(std::span<const Index> support) {
    for (std::size_t j = 0; j < support.size(); ++j) {
      if (support[j] >= counts_.size() || (j > 0 && support[j] <= support[j - 1])) {
        throw std::invalid_argument(
            "VoteCounts::add: support[" + std::to_string(j) + "] = " + std::to_string(support[j]) +
            " of d = " + std::to_string(counts_.size()) + " is out of range or order");
      }
    }
    for (const Index i : support) {
      if (counts_[i]++ == 0) voted_.push_back(i);
    }
  }

  /// Back to no votes.
  void clear() {
    for (const Index i : voted_) counts_[i] = 0;
    voted_.clear();
  }

  [[nodiscard]] std::span<const std::uint32_t> counts() const { return counts_; }

  /// The coordinates with a vote, each once, in the order of their first votes.
  [[nodiscard]] std::span<const Index> voted() const { return voted_; }

 private:
  std::vector<std::uint32_t> counts_;
  std::vector<Index> voted_;
};

/// supp S_top(counts, k), eq 9, like majority_mask of VoteTally. Coordinates above the threshold
/// count enter, and some of those at it by selection sampling. With `wanted` still to take of
/// `left`, the next one is taken with probability wanted / left, which makes all subsets equally
/// likely.
inline std::vector<Index> majority_mask(std::span<const std::uint32_t> counts, std::size_t k,
                                        const TieBreak& tie) {
  std::vector<std::uint32_t> falling;
  for (const std::uint32_t count : counts) {
    if (count > 0) falling.push_back(count);
  }
  if (k > falling.size()) {
    throw std::invalid_argument("majority_mask: k = " + std::to_string(k) + " of " +
                                std::to_string(falling.size()) + " coordinates with a vote");
  }
  if (k == 0) return {};
  std::sort(falling.begin(), falling.end(), std::greater<>());
  const std::uint32_t last = falling[k - 1];
  const auto above = static_cast<std::size_t>(
      std::count_if(falling.begin(), falling.end(), [=](std::uint32_t c) { return c > last; }));
  auto left = static_cast<std::size_t>(std::count(falling.begin(), falling.end(), last));
  std::size_t wanted = k - above;
  Draws draws(tie.seed, Purpose::kTieBreak, tie.round, tie.part);
  std::vector<Index> mask;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    bool enters = counts[i] > last;
    if (counts[i] == last) {
      enters = tie.rule == TieBreak::Rule::index
                   ? wanted > 0
                   : draws.below(static_cast<std::uint32_t>(left)) < wanted;
      --left;
      wanted -= enters ? 1 : 0;
    }
    if (enters) mask.push_back(static_cast<Index>(i));
  }
  return mask;
}

}  // namespace mvsgd::compress
