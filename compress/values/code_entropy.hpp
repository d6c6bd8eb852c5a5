// The codes of quantised values by their entropy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"

namespace mvsgd::compress {

/// The value of Header::position_codec of an update whose codes are so coded.
inline constexpr std::uint8_t kEntropyOfCodes = 8;

/// Appends codes of q bits, as the fractional quantiser makes them: the sign above the level, less
/// 1, of q - 1 bits. What follows is the whole code, all of it integers, / rounding down.
///
/// Signs are nearly fair and stay single bits. Levels are coded by how frequent each is (Rans), at
/// choice apart among the values that `own` marks: a worker sends larger values where it has voted
/// itself. With n = count and L = 2^(q-1) levels the fields are
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
/// The frequencies are decided by how often each level occurs among the values of the row, c of m
/// in all: 0 where c = 0, else (2^bits c + m / 2) / m, at least 1. Until they sum to 2^bits, one of
/// them changes by 1: where the sum is too small the one of the largest c / (2 f + 1) grows, else
/// the one of the least c / (2 f - 1) among those above 1 shrinks, of equal ones the lowest level.
///
/// So is the model. A row costs its bits and the sum of c (2^16 bits - l(f)) / 2^16, where l(f) is
/// log2 f in units of 2^-16, rounded down bit by bit: e = floor(log2 f) is its whole part, and with
/// y = 2^(31-e) f each further bit is whether y^2 / 2^31 reaches 2^32, by which it is halved, and
/// then is the next y. The model of the least cost is taken, plain levels costing q - 1 bits each,
/// a lane 32, and g what it has: n g + 4; of equal ones the first, in the order 0, 1, 2, then 3
/// with g = 1, 2, ..., one row before two. There are two only where some values are marked and some
/// are not; and it is 0 where the bits of the others turn out to be no fewer than its own.
///
///   codes  each less than 2^q
///   own    a 1 for each marked value, else 0, or empty: none is marked
///
/// Law: at most 2 bits more than encode_codes() writes; CodeEntropy.* have what it comes to of the
/// entropy. Throws std::invalid_argument, with `out` as it was, if q is not 2 to 8, a code has more
/// bits or `own` is of another length or has another number. Cost: O(count) time.
void encode_codes_by_entropy(std::span<const std::uint8_t> codes, unsigned value_bits,
                             std::span<const std::uint8_t> own, comm::BitWriter& out);

/// What encode_codes_by_entropy() writes. Costs as much time.
[[nodiscard]] comm::Bits entropy_of_codes(std::span<const std::uint8_t> codes, unsigned value_bits,
                                          std::span<const std::uint8_t> own);

/// Reads `count` codes. Throws DecodeError if the bits are not what encode_codes_by_entropy()
/// writes for these `own`, and before it takes memory if there are fewer than `count`;
/// std::invalid_argument as that does.
[[nodiscard]] std::vector<std::uint8_t> decode_codes_by_entropy(comm::BitReader& in,
                                                                std::size_t count,
                                                                unsigned value_bits,
                                                                std::span<const std::uint8_t> own);

}  // namespace mvsgd::compress
