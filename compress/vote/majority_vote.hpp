// The majority vote of eq 9: counts the workers' supports and chooses the mask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/isa.hpp"
#include "compress/select/layers.hpp"
#include "compress/select/top_k.hpp"
#include "compress/vote/vote_tally.hpp"

namespace mvsgd::compress {

/// The rule by which coordinates with equally many votes enter the mask.
struct TieBreak {
  enum class Rule : std::uint8_t {
    random,  ///< a uniform choice among those tied at the threshold, drawn from (seed, round)
    index,   ///< the lowest indices
  };
  Rule rule = Rule::random;
  std::uint64_t seed = 0;
  std::uint64_t round = 0;
  std::uint64_t part = 0;  ///< of the round's numbers: 0 for all coordinates, l + 1 for layer l
};

/// supp S_top(tally, k), eq 9: the k coordinates of most votes.
///
/// Coordinates with more votes than the threshold enter. Of those at the threshold, `tie` chooses
/// as many as there is room for. With Rule::random all subsets of the tied coordinates of the right
/// size have the same probability, and the draw is a function of (seed, round) and the counts
/// alone.
///
///   tally votes for d coordinates
///   returns  [k], strictly increasing
///
/// Throws std::invalid_argument if fewer than k coordinates have a vote.
///
/// Cost: one pass over the coordinates with a vote, and a draw for each tied one.
[[nodiscard]] std::vector<Index> majority_mask(const VoteTally& tally, std::size_t k,
                                               const TieBreak& tie, Isa isa = best_isa());

/// The same in each layer by itself: its k coordinates of most votes. Ties in layer l, counted from
/// 0, are broken by the numbers of part l + 1, whatever tie.part is.
///
///   returns  [sum of k], strictly increasing
///
/// Throws std::invalid_argument as check_layers() does, or if fewer than k coordinates of a layer
/// have a vote. Cost: as above, and a count of the counts: N + 1 numbers for each layer.
[[nodiscard]] std::vector<Index> majority_mask(const VoteTally& tally,
                                               std::span<const Layer> layers, const TieBreak& tie,
                                               Isa isa = best_isa());

}  // namespace mvsgd::compress
