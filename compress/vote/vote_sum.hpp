// The server's side of add-drop voting (SSGD-MV-AD): the running sum of votes, eq 16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "compress/select/isa.hpp"
#include "compress/select/layers.hpp"
#include "compress/vote/add_drop.hpp"
#include "compress/vote/majority_vote.hpp"

namespace mvsgd::compress {

/// M^sum of eq 16: the sum of the workers' present votes, updated only by their changes.
///
/// The lists come from peers, so each call checks its own list before the sum changes. It refuses
/// what sum and list show to be wrong: a drop at a count of 0, an add at a count of N. No honest
/// list has one, however many others have changed their votes before it in the round. As long as
/// all have been honest, a count is the number of workers whose latest vote received has the
/// coordinate. A worker that adds the coordinate is not among them, so they are at most N - 1; one
/// that drops it is, so they are at least 1. Sum and list do not show an add of what the worker
/// already has, or a drop of what only others have. These are refused if the N votes are kept
/// (check_votes).
class VoteSum {
 public:
  struct Options {
    std::uint32_t workers;     ///< N
    std::size_t k;             ///< coordinates of a vote
    std::size_t k_ad;          ///< most adds, and most drops, of a change
    bool check_votes = false;  ///< keep every worker's vote: 4 N K bytes more
    /// If there are any, a vote has the k of each in it, which sum up to `k` above, and a change
    /// adds and drops equally many coordinates of each.
    std::vector<Layer> layers{};
    Isa isa = best_isa();
  };

  /// Throws std::invalid_argument if d = 0, d >= 2^32, workers = 0 or k > d, or if the layers are
  /// not of d coordinates and of k chosen ones together.
  VoteSum(std::size_t d, const Options& options);

  /// Adds a worker's first vote, in full.
  ///
  /// Throws std::invalid_argument if there is no such worker, std::logic_error if it has voted.
  /// Throws comm::DecodeError, which names worker and coordinate, if `vote` is not k strictly
  /// increasing indices less than d, or has one for which N workers vote already. Nothing has
  /// changed then.
  void first(std::uint32_t worker, std::span<const Index> vote);

  /// Adds a worker's change of its vote, eq 16. Cost: O(k_ad), and O(k) more with check_votes.
  ///
  /// Throws std::invalid_argument if there is no such worker, std::logic_error if it has not voted.
  /// Throws comm::DecodeError, which names worker and coordinate, if add and drop are not strictly
  /// increasing indices less than d, equally many, at most min(k_ad, k), and disjoint; or if a
  /// count (above) or the kept vote shows that the vote cannot change so. Nothing has changed then.
  void change(std::uint32_t worker, const VoteChange& change);

  /// A worker's latest vote, [k] once it has voted. Throws std::invalid_argument if there is no
  /// such worker, std::logic_error unless the votes are kept (check_votes).
  [[nodiscard]] std::span<const Index> vote(std::uint32_t worker) const;

  /// The mask of majority_mask(counts(), k, tie), bit for bit. Throws as that does.
  ///
  /// Cost: a pass over the sum, which has ceil(log2(N + 1)) bits for each coordinate, 64
  /// coordinates at a time, and a draw for each tied coordinate.
  [[nodiscard]] std::vector<Index> majority_mask(std::size_t k, const TieBreak& tie) const;

  /// The mask of majority_mask(counts(), layers, tie), bit for bit, of the sum's own layers. Throws
  /// as that does. Cost: as above; a layer that does not begin and end at multiples of 64
  /// coordinates is copied.
  [[nodiscard]] std::vector<Index> layers_majority_mask(const TieBreak& tie) const;

  /// The total votes for `mask`, indices less than d.
  [[nodiscard]] std::uint64_t votes_for(std::span<const Index> mask) const;

  /// The counts [d], each at most N. Cost: O(d), since the sum is kept in another form.
  [[nodiscard]] std::vector<std::uint32_t> counts() const;

 private:
  void check_worker(std::uint32_t worker, bool has_voted) const;
  void check_list(std::uint32_t worker, const char* name, std::span<const Index> list) const;
  void check_change(std::uint32_t worker, const VoteChange& change) const;
  void check_against_vote(std::uint32_t worker, const VoteChange& change) const;

  [[nodiscard]] std::uint32_t count(Index i) const;

  enum class Direction : std::uint8_t { up, down };
  // Moves the counts of `list` by one. If a count is at its end, N or 0, none is moved, and its
  // coordinate is returned.
  template <Direction Way>
  std::optional<Index> move(std::span<const Index> list);
  template <Direction Way>
  std::optional<Index> move_in_layers(std::span<const Index> list);
  template <Direction Way>
  std::uint32_t step(Index i);
  /// Appends the mask of the k of most votes in a layer, whose counts are tallied in `with_count`.
  void append_mask(std::size_t begin, std::size_t end, std::span<const std::size_t> with_count,
                   std::size_t k, const TieBreak& tie, std::vector<Index>& mask) const;

  std::size_t d_;
  Options options_;
  unsigned planes_;                  // number of bits of a count
  std::vector<std::uint64_t> bits_;  // [ceil(d / 64)][planes_]: bit i % 64 of i's count, by bit
  // [layers or 1][c]: the number of coordinates of the layer with c votes
  std::vector<std::size_t> with_count_;
  std::vector<bool> has_voted_;            // [N]
  std::vector<std::vector<Index>> votes_;  // [N], empty unless check_votes
};

}  // namespace mvsgd::compress
