// Sets inside sets: a subset as ranks in its superset, so that a position code of the smaller
// universe can be used.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// The ranks of `subset` in `superset`: for each member, the number of members of `superset` before
/// it.
///
/// Within {2, 3, 5, 7, 11} the set {3, 7, 11} has the ranks {1, 3, 4}. Add-drop voting drops only
/// members of the last vote (Algorithm 2 line 14), so a list of drops is a set of ranks in [0, K),
/// and any PositionCodec of d' = K codes it.
///
///   subset    strictly increasing, each in superset
///   superset  strictly increasing
///   returns   [|subset|], strictly increasing, each in [0, |superset|)
///
/// Throws std::invalid_argument if they are not. Cost: one merge, O(|superset|).
[[nodiscard]] std::vector<Index> ranks_of(std::span<const Index> subset,
                                          std::span<const Index> superset);

/// The subset whose ranks in `superset` are `ranks`: the inverse of ranks_of().
///
/// Throws std::invalid_argument if superset is not strictly increasing. Ranks come from a peer:
/// throws comm::DecodeError if they are not strictly increasing, or one is not below |superset|.
/// Cost: O(|superset|).
[[nodiscard]] std::vector<Index> members_of(std::span<const Index> ranks,
                                            std::span<const Index> superset);

/// The ranks of `set` in the complement of `excluded`: each member minus the number of members of
/// `excluded` below it. Without {2, 3, 5, 7} the set {0, 4, 8} has the ranks {0, 2, 4}.
///
///   set, excluded  strictly increasing, without a common member
///   returns        [|set|], strictly increasing
///
/// Throws std::invalid_argument if they are not. Cost: one merge, O(|set| + |excluded|).
[[nodiscard]] std::vector<Index> ranks_outside(std::span<const Index> set,
                                               std::span<const Index> excluded);

/// The set whose ranks in [0, d) without `excluded` are `ranks`: the inverse of ranks_outside().
///
/// Throws std::invalid_argument if excluded is not strictly increasing and below d,
/// comm::DecodeError if ranks are not strictly increasing and below d - |excluded|. Cost: one
/// merge, O(|ranks| + |excluded|).
[[nodiscard]] std::vector<Index> members_outside(std::span<const Index> ranks,
                                                 std::span<const Index> excluded, std::uint64_t d);

/// A byte for each member of `set`: 1 if it is in `other`, else 0. Both are strictly increasing,
/// which is not checked. Cost: one merge, O(|set| + |other|).
[[nodiscard]] std::vector<std::uint8_t> marks_of(std::span<const Index> set,
                                                 std::span<const Index> other);

}  // namespace mvsgd::compress
