// The bits of quantised values by their entropy, counted by the rules of comm/README.md, "Codes by
// their entropy". As in law.hpp, nothing here may know a codec (lint/includes).
#pragma once

#include <cstdint>
#include <span>

#include "comm/bits.hpp"

namespace mvsgd::sim {

/// The bits of codes of q bits: level - 1 in the low q - 1 bits, the sign above them.
///
///   codes   [n], each below 2^q
///   marked  [n], 1 where the sender's own vote has the coordinate, else 0; empty: nowhere
///
/// Throws std::invalid_argument unless 2 <= q <= 8 and the lengths agree. Cost: O(n) time.
[[nodiscard]] comm::Bits law_of_codes(std::span<const std::uint8_t> codes, std::uint64_t q,
                                      std::span<const std::uint8_t> marked);

}  // namespace mvsgd::sim
