// The bits that the paper's equations 13-15, 17 and 18 give, as integers, written from the
// equations alone.
//
// The bits that a run puts on the wire are compared with these numbers, so nothing here may know a
// codec: of this project only comm/bits.hpp may be included (lint/includes).
#pragma once

#include <cstdint>
#include <optional>

#include "comm/bits.hpp"

namespace mvsgd::sim {

/// The numbers that section 2.1, section 4.3.1 and comm/README.md state. If any of them is altered,
/// `mvsgd verify` fails (Verify.FailsWhenAConstantOfTheLawIsAltered).
struct LawConstants {
  std::uint64_t float_bits = 32;     ///< section 2.1: q of an unquantised value
  std::uint64_t flag_bits = 1;       ///< section 4.3.1: the 1 before each position
  std::uint64_t block_end_bits = 1;  ///< section 4.3.1: the 0 that ends a block
  std::uint64_t header_bits = 192;   ///< comm/README.md
};

/// Eq 14 as section 4.3.1 realises it: k * (1 + ceil(log2 B)) + ceil(d / B), for any set of k
/// positions out of d in blocks of B.
[[nodiscard]] comm::Bits position_law(const LawConstants& law, std::uint64_t d, std::uint64_t k,
                                      std::uint64_t block_size);

/// The Elias-Fano code of k of d positions: k (1 + l) + ceil(d / 2^l) with l = floor(log2(d / k)).
/// Zero for k = 0.
[[nodiscard]] comm::Bits elias_fano_law(const LawConstants& law, std::uint64_t d, std::uint64_t k);

/// Eq 14 with positions packed in base B: k flags, ceil(d / B) block ends, and the offsets. A group
/// of m offsets takes ceil(m log2 B) bits, and the last k mod m offsets take as many as they need.
/// m < 64 / log2 B is the number that packs best.
[[nodiscard]] comm::Bits radix_law(const LawConstants& law, std::uint64_t d, std::uint64_t k,
                                   std::uint64_t block_size);

/// The same in the code that a header's position_codec names (comm/README.md): eq 14, Elias-Fano or
/// base B. None for a code whose length depends on the set (position_lengths.hpp). `block_size`
/// matters only to codes that have blocks.
[[nodiscard]] std::optional<comm::Bits> position_law_of_code(const LawConstants& law,
                                                             std::uint8_t code, std::uint64_t d,
                                                             std::uint64_t k,
                                                             std::uint64_t block_size);

/// Eq 13: k values of q bits.
[[nodiscard]] comm::Bits value_law(std::uint64_t k, std::uint64_t value_bits);

/// The bits that travel as float32 beside k quantised values of q bits: the 2^(q-1) level means of
/// eq 18 for q >= 2; for q = 1 a scale for each `block` values of eq 17 (block 0: one for all);
/// nothing for values of 16 and 32 bits. The paper does not count them.
[[nodiscard]] comm::Bits level_mean_law(const LawConstants& law, std::uint64_t k,
                                        std::uint64_t value_bits, std::uint64_t block);

/// The coordinates that stair j of a sparsity warm-up keeps (Lin et al. 2018, section 3.3): the
/// larger of ceil(d / 4^j) and K, so 75 %, 93.75 %, ... of the d are left out, down to K. `stair` 0
/// is what follows the warm-up: K. At most 31.
[[nodiscard]] std::uint64_t stair_law(std::uint64_t d, std::uint64_t k, std::uint32_t stair);

/// The workers that send in a round of client sampling with m of N (McMahan et al. 2017): m, or all
/// N where m is 0, and in a round that `begins_votes`, since later ones are changes of them. What
/// the server sends goes to all N in any round.
[[nodiscard]] std::uint64_t senders_law(std::uint64_t workers, std::uint64_t participation,
                                        bool begins_votes);

/// All-reduce in a ring of P workers that sum n values each (eq 8; Patarasuk and Yuan 2009). The
/// values are cut into P blocks, b = 0, ..., P - 1: block b is those from floor(b n / P) up to
/// floor((b + 1) n / P). In the pass that sums, a worker sends P - 1 blocks, and in the pass that
/// brings the sums to all again P - 1. The one that it does not send is b = place + 1 mod P in the
/// first pass and b = place + 2 mod P in the second, `place` being the worker's own in the ring.
enum class RingPass : std::uint8_t { reduce, gather };
/// The values that a worker sends in a pass. In both together 2 (P - 1) / P of n where P divides n,
/// and over all P workers 2 (P - 1) n always.
[[nodiscard]] std::uint64_t ring_law(std::uint64_t n, std::uint64_t workers, std::uint64_t place,
                                     RingPass pass);

/// The zero bits that fill a message of this many bits to a whole byte.
[[nodiscard]] comm::Bits padding_law(comm::Bits message);

/// Eq 14 as printed, a real number: d * phi * (log2(1/phi) + 2).
[[nodiscard]] double equation_14(double d, double phi);

/// Eq 13 as printed: q * phi * d.
[[nodiscard]] double equation_13(double d, double phi, double value_bits);

/// Why position_law, an integer, differs from equation 14's real number. The three parts add up to
/// position_law - equation_14.
struct PositionDifference {
  double rounding_of_k = 0;     ///< (K - phi d) (log2(1/phi) + 2)
  double rounding_of_log2 = 0;  ///< K (ceil(log2 B) - log2(1/phi))
  double block_count = 0;       ///< ceil(d/B) - K: one end a block; eq 14 has one a position
};
[[nodiscard]] PositionDifference position_difference(double d, double phi, std::uint64_t k,
                                                     std::uint64_t block_size);

}  // namespace mvsgd::sim
