// The sum of the workers' votes as the server needs it every round: a sparse vector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/isa.hpp"
#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// sum_n M_n of eq 9: the coordinates with a vote, increasing, and the votes of each.
///
/// The supports are counted side by side, one block of coordinates after another, in counters that
/// stay in the first-level cache. So nothing as long as the model is read, written or kept.
class VoteTally {
 public:
  /// Throws std::invalid_argument if d = 0 or d >= 2^32.
  explicit VoteTally(std::size_t d, Isa isa = best_isa());

  /// Replaces the sum by that of these votes, one for each worker, each of strictly increasing
  /// indices less than d. Throws std::invalid_argument if one is not; the sum is then unchanged.
  ///
  ///   supports  [N] of any lengths
  ///
  /// Cost: O(votes), and O(votes log votes) if there are fewer than d / 64; 8 bytes kept for each
  /// vote of the largest sum so far.
  void count(std::span<const std::vector<Index>> supports);

  [[nodiscard]] std::size_t dimension() const { return d_; }

  /// The coordinates with a vote, strictly increasing.
  [[nodiscard]] std::span<const Index> voted() const { return {voted_.data(), size_}; }

  /// The votes of each of voted().
  [[nodiscard]] std::span<const std::uint32_t> counts() const { return {counts_.data(), size_}; }

  /// [c]: the number of coordinates with c votes, c = 1..N; [0] is 0.
  [[nodiscard]] std::span<const std::size_t> with_count() const { return with_count_; }

  /// The total votes for `mask`, which is strictly increasing. Cost: O(mask log(voted / mask)).
  [[nodiscard]] std::uint64_t votes_for(std::span<const Index> mask) const;

 private:
  void count_by_blocks(std::span<const std::vector<Index>> supports);
  void count_by_sorting(std::span<const std::vector<Index>> supports);

  std::size_t d_;
  Isa isa_;
  std::size_t size_ = 0;  // the used length of the two below
  std::vector<Index> voted_;
  std::vector<std::uint32_t> counts_;
  std::vector<std::size_t> with_count_ = {0};
};

}  // namespace mvsgd::compress
