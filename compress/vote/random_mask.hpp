// A mask for which nobody has voted: the baseline that a vote must beat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compress/select/index.hpp"

namespace mvsgd::compress {

/// k of the coordinates 0..d-1. All sets of k have the same probability.
///
///   returns  [k], strictly increasing, each in [0, d)
///
/// Floyd's method (Bentley and Floyd, "A sample of brilliance", 1987). For j = d - k, ..., d - 1 a
/// number below j + 1 is drawn and taken, or j itself if that number has been taken already. The
/// numbers are a function of seed and round. As for ties, Philox has a purpose for them.
///
/// Throws std::invalid_argument if k > d or d >= 2^32. Cost: O(k) draws, d / 8 bytes and a pass
/// over them.
[[nodiscard]] std::vector<Index> random_mask(std::size_t d, std::size_t k, std::uint64_t seed,
                                             std::uint32_t round);

/// The definition of random_mask(): puts the same numbers into a std::set. For tests.
[[nodiscard]] std::vector<Index> random_mask_by_sets(std::size_t d, std::size_t k,
                                                     std::uint64_t seed, std::uint32_t round);

}  // namespace mvsgd::compress
