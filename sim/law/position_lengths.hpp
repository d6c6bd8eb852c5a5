// The bits of the codes of positions whose length depends on the set, counted by the rules of
// comm/README.md, "The body, by kind".
//
// As in law.hpp, nothing here may know a codec (lint/includes): a codec that is altered at both
// ends of a run differs from these counts (AlteredCodec.*).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/bits.hpp"
#include "sim/law/law.hpp"

namespace mvsgd::sim {

/// Strictly increasing coordinates.
using Coordinates = std::span<const std::uint32_t>;

/// What a header says of a code of positions in [0, n).
struct CodeOfPositions {
  std::uint8_t code = 0;  ///< position_codec: block, Elias-Fano, Rice, radix, entropy or rANS
  std::uint64_t n = 0;    ///< the dimension, at least 1
  std::uint64_t block_size = 0;
};

/// The bits of `set`, [k], in such a code: position_law_of_code() where that has them, else counted
/// gap by gap. Throws std::invalid_argument if no such code is known. Cost: O(k) time and O(k)
/// scratch; of the rANS code O(n) where 2 k > n.
[[nodiscard]] comm::Bits law_of_set(const LawConstants& law, const CodeOfPositions& code,
                                    Coordinates set);

/// The bits of `set`, [k], in the delta code, `previous` having k members, too. Both are below d.
[[nodiscard]] comm::Bits law_of_delta(const LawConstants& law, std::uint64_t d,
                                      Coordinates previous, Coordinates set);

/// The bits of `set`, [k], in the change code, `previous` having k members, too: a bit, and the
/// shorter of `set` as a `whole` and of its changes.
[[nodiscard]] comm::Bits law_of_change(const LawConstants& law, const CodeOfPositions& whole,
                                       Coordinates previous, Coordinates set);

/// For each member of `subset` how many members of `superset` are below it.
[[nodiscard]] std::vector<std::uint32_t> ranks_within(Coordinates superset, Coordinates subset);
/// For each member of `set` how many coordinates that are not in `excluded` are below it.
[[nodiscard]] std::vector<std::uint32_t> ranks_without(Coordinates excluded, Coordinates set);

}  // namespace mvsgd::sim
