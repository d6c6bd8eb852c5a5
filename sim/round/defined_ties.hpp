// Which of the coordinates that tie for the last places of a mask enter, once more and one at a
// time: the definition's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// Of `tied` coordinates, in increasing order, `wanted` enter: by the index the first ones, at
/// random each set of them with equal probability. In round t one coordinate after the other is
/// taken with probability (still wanted) / (still left).
///
///   returns  [tied], whether it enters
///
/// The random numbers are the 32-bit halves, the low one of a word first, of Philox4x64-10 under
/// the key {seed, "vote" 1} at the counters {t, 0, 0, 0}, {t, 0, 0, 1}, ... The upper 32 bits of a
/// half times what is left are the answer; a half is refused if the lower 32 bits are below 2^32
/// mod left, so that every answer has equally many halves.
[[nodiscard]] std::vector<bool> defined_ties(TieBreaking rule, std::uint64_t seed, std::uint32_t t,
                                             std::size_t wanted, std::size_t tied);

}  // namespace mvsgd::sim
