// When the model's coordinates were last sent: how long they wait for a mask, and which never get
// into one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/index.hpp"

namespace mvsgd::sim {

/// The last round in which each coordinate was sent, [d]: 2t + 1 if that was the mask of round t,
/// 2t if round t was dense, 0 if there was none. t < 2^31.
using LastSent = std::vector<std::uint32_t>;

/// Takes a dense round into account. O(d).
void add_dense_round(std::uint32_t t, LastSent& last);

/// Takes a mask into account, none of whose coordinates may be out of range. Returns the mean over
/// the mask of the rounds since a coordinate was last sent, 1 at least. That is the age of the
/// oldest difference in the error memory where every worker has one, takes part in each round and
/// sends whole values. A coordinate that was never sent counts from round 0. 0 if the mask is
/// empty. O(|mask|).
[[nodiscard]] double add_mask(std::uint32_t t, std::span<const compress::Index> mask,
                              LastSent& last);

/// The coordinates that masks have had since the last dense round, increasing. O(d).
[[nodiscard]] std::vector<compress::Index> in_masks(const LastSent& last);

}  // namespace mvsgd::sim
