// The codes of quantised values by their entropy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"

namespace mvsgd::compress {

/// The value of Header::position_codec of an update whose codes are coded in this way.
inline constexpr std::uint8_t kEntropyOfCodes = 8;

/// Appends codes of q bits as the fractional quantiser makes them: level - 1 in the low q - 1 bits,
/// the sign above it. This comment defines the code completely; all numbers are integers,
/// and division rounds down.
///
/// Signs are nearly fair and stay single bits. Levels are coded by their frequencies (Rans). The
/// values that `own` marks may have frequencies of their own, since a worker sends larger values
/// where it has voted itself. With n = count and L = 2^(q-1) levels the fields are
///
///     model     2 bits: 0 plain, 1 one row of frequencies for all values, 2 one for values that
///               are not marked and one for those that are; 3 as 1 or 2, but for the g low bits of
///               each level: then 1 bit, 0 for one row and 1 for two, and 3 bits for g, 1 to q - 2
///     plain     with model 0 the codes, q bits each, and nothing more
///     signs     n bits
///     low       with model 3 the g low bits of each level; the levels below are then those
///               without, 2^g times fewer
///     rows      with bits = bit_width(n) - 3, but at least 8 and at most 11, and `left` 2^bits at
///               first: for each level while left > 0 its frequency f, which left falls by. The
///               last level has what is left and no bits. Others: f >> r zeros, a 1, f mod 2^r in
///               r bits, r = floor(log2(left / levels still to come)), or 0 where that is below 1
///     levels    Rans in one lane, or in 8 where n >= 8192
///
/// The counts of the levels among a row's values decide the frequencies. A level with c of the
/// row's m values gets 0 if c = 0, else (2^bits c + m / 2) / m, at least 1. Until the frequencies
/// sum to 2^bits, one of them changes by 1. If the sum is too small, the one with the largest
/// c / (2 f + 1) grows; else, among those above 1, the one with the least c / (2 f - 1) shrinks. Of
/// equal ones the lowest level's changes.
///
/// The counts decide the model, too. Costs are in units of 2^-16 bits, and only l(f) is rounded: it
/// is log2 f in these units, rounded down bit by bit. Its whole part is e = floor(log2 f). With
/// y = 2^(31-e) f at first, each further bit is whether y^2 / 2^31 reaches 2^32; if so it is
/// halved, and it is then the next y. A row costs the bits that it is written in and the sum of
/// c (2^16 bits - l(f)) units. Plain levels cost q - 1 bits each, a lane costs 32, and g low bits
/// cost n g + 4. The model of the least cost is taken, of equal ones the first in the order 0, 1,
/// 2, then 3 with g = 1, 2, ..., one row before two. Two rows are taken only if some values are
/// marked and some are not; and 0 is if the bits of the others turn out to be no fewer than its
/// own.
///
///   codes  each less than 2^q
///   own 1 for each marked value, else 0; if empty, none is marked
///
/// Law: at most 2 bits more than encode_codes() writes. The tests CodeEntropy.* compare it with the
/// entropy. Throws std::invalid_argument if q is not 2 to 8, a code has more bits, or `own` has
/// another length or another number than 0 and 1; `out` is then unchanged. Cost: O(count) time.
void encode_codes_by_entropy(std::span<const std::uint8_t> codes, unsigned value_bits,
                             std::span<const std::uint8_t> own, comm::BitWriter& out);

/// The size that encode_codes_by_entropy() writes. Takes as much time.
[[nodiscard]] comm::Bits entropy_of_codes(std::span<const std::uint8_t> codes, unsigned value_bits,
                                          std::span<const std::uint8_t> own);

/// Reads `count` codes. Throws DecodeError if the bits are not what encode_codes_by_entropy()
/// writes for this `own`, and, before it allocates, if fewer than `count` bits are left. Throws
/// std::invalid_argument as encode_codes_by_entropy() does.
[[nodiscard]] std::vector<std::uint8_t> decode_codes_by_entropy(comm::BitReader& in,
                                                                std::size_t count,
                                                                unsigned value_bits,
                                                                std::span<const std::uint8_t> own);

}  // namespace mvsgd::compress
