// The majority vote of eq 9: counting the workers' supports and choosing the mask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/isa.hpp"
#include "compress/select/top_k.hpp"
#include "compress/vote/vote_tally.hpp"

namespace mvsgd::compress {

/// Which of the coordinates with equally many votes enter the mask.
struct TieBreak {
  enum class Rule : std::uint8_t {
    random,  ///< a uniform choice among those tied at the threshold, drawn from (seed, round)
    index,   ///< the lowest indices
  };
  Rule rule = Rule::random;
  std::uint64_t seed = 0;
  std::uint64_t round = 0;
};

/// The sum of the workers' votes, sum_n M_n of eq 9.
class VoteCounts {
 public:
  /// Throws std::invalid_argument if d = 0 or d >= 2^32.
  explicit VoteCounts(std::size_t d);

  /// Adds one vote: strictly increasing indices less than d. Throws std::invalid_argument if they
  /// are not, with the counts as they were.
  void add(std::span<const Index> support);

  /// Back to no votes. Cost: O(votes since the last clear).
  void clear();

  [[nodiscard]] std::span<const std::uint32_t> counts() const { return counts_; }

  /// The coordinates with a vote, each once, in the order of their first votes.
  [[nodiscard]] std::span<const Index> voted() const { return voted_; }

 private:
  std::vector<std::uint32_t> counts_;
  std::vector<Index> voted_;
};

/// supp S_top(counts, k), eq 9: the k coordinates of most votes.
///
/// Coordinates above the threshold count enter; of those at it, as many as there is room for,
/// chosen by `tie`. With Rule::random each subset of the tied coordinates of the right size has the
/// same probability, and the draw is a function of (seed, round) and the counts alone.
///
///   counts   [d], the votes of each coordinate
///   returns  [k], strictly increasing
///
/// Throws std::invalid_argument if fewer than k coordinates have a vote.
///
/// Cost: two passes over the counts, and a draw for each tied coordinate. This is the definition of
/// the two that need no pass over all of d: those of VoteTally (below) and VoteSum.
[[nodiscard]] std::vector<Index> majority_mask(std::span<const std::uint32_t> counts, std::size_t k,
                                               const TieBreak& tie);

/// The same mask of the same counts, as a sparse vector. Cost: one pass over the coordinates with a
/// vote, and a draw for each tied one.
[[nodiscard]] std::vector<Index> majority_mask(const VoteTally& tally, std::size_t k,
                                               const TieBreak& tie, Isa isa = best_isa());

}  // namespace mvsgd::compress
