// A mask for which nobody has voted: the baseline that a vote must beat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/index.hpp"
#include "compress/select/layers.hpp"

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

/// The same in each layer by itself, layer l, counted from 0, with the numbers of part l + 1 of the
/// round. Throws as check_layers() does.
[[nodiscard]] std::vector<Index> random_mask(std::span<const Layer> layers, std::uint64_t seed,
                                             std::uint32_t round);

/// The definition of random_mask(): puts the same numbers into a std::set. With part = l + 1 it is
/// that of layer l, whose first coordinate is then 0. For tests.
[[nodiscard]] std::vector<Index> random_mask_by_sets(std::size_t d, std::size_t k,
                                                     std::uint64_t seed, std::uint32_t round,
                                                     std::uint64_t part = 0);

}  // namespace mvsgd::compress
