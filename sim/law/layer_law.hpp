// The law of lists whose coordinates are chosen in each layer by itself (selection = layer): the
// sum over the layers, written from comm/README.md, "Lists by layer".
//
// As in law.hpp, nothing here may know a codec (lint/includes).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "comm/bits.hpp"
#include "sim/law/law.hpp"
#include "sim/law/position_lengths.hpp"

namespace mvsgd::sim {

/// K_l of a layer of d_l coordinates: ceil(digits 10^-places d_l); all d_l where these are fewer
/// than `dense_below`. Throws std::invalid_argument if it is more than d_l.
[[nodiscard]] std::uint64_t layer_law(std::uint64_t layer, std::uint64_t digits, unsigned places,
                                      std::uint64_t dense_below);

/// A list's part in a layer.
struct PartOfList {
  std::uint64_t size = 0;  ///< d_l
  std::uint64_t n = 0;     ///< positions are below it: d_l, or fewer of ranks; 0: nothing is sent
  std::uint64_t most = 0;  ///< positions that the part has; the most if parts are counted
};

/// A list of which the settings tell only the most: each part that is sent begins with its number
/// of positions, in as many bits as the most has.
[[nodiscard]] comm::Bits count_law(std::uint64_t most);

/// The bits of a list of k positions in the code that a header's position_codec names. None where
/// they depend on the list: in a code whose length does, or where parts are counted and their
/// lengths do not rise equally with their numbers (all codes but eq 14's).
[[nodiscard]] std::optional<comm::Bits> layers_law(const LawConstants& law, std::uint8_t code,
                                                   std::span<const PartOfList> parts, bool counted,
                                                   std::uint64_t k, std::uint64_t block_size);

/// The bits of a part's positions, all relative to the layer's first coordinate, given those of the
/// previous list in the layer.
using LawOfPart =
    std::function<comm::Bits(const PartOfList&, Coordinates list, Coordinates previous)>;

/// The bits of a list of any code: the sum of `law_of_part` over the parts that are sent, and their
/// numbers if they are counted. Cost: O(k) and what `law_of_part` costs.
[[nodiscard]] comm::Bits law_of_layers(std::span<const PartOfList> parts, bool counted,
                                       Coordinates list, Coordinates previous,
                                       const LawOfPart& law_of_part);

}  // namespace mvsgd::sim
