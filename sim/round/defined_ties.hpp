// The definition's own tie-breaking, one coordinate at a time: which of the coordinates that tie
// for the last places of a mask enter it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// Chooses `wanted` of `tied` coordinates, which are in increasing order. By index, the first ones
/// enter. At random, each set of them is equally probable: round t takes one coordinate after the
/// other with probability (still wanted) / (still left).
///
///   returns  [tied], whether it enters
///
/// The random numbers are 32-bit halves of Philox4x64-10 under the key {seed, "vote" 1} at the
/// counters {t, part, 0, 0}, {t, part, 0, 1}, ..., the low half of a word first; part 0 is of ties
/// among all coordinates, part l + 1 of those in layer l. The answer is the upper
/// 32 bits of the product of a half and the number that is left. A half is refused if the product's
/// lower 32 bits are below 2^32 mod left, so that every answer has equally many halves.
[[nodiscard]] std::vector<bool> defined_ties(TieBreaking rule, std::uint64_t seed, std::uint32_t t,
                                             std::size_t wanted, std::size_t tied,
                                             std::uint64_t part = 0);

}  // namespace mvsgd::sim
