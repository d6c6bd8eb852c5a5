// What RansCodec knows of gaps beforehand: the groups that they are told by, and how frequent each
// is where positions are so dense. Private to compress/.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mvsgd::compress {

/// Gaps of one symbol: from `begin` units on, told apart by u + extra plain bits, where the unit
/// is 2^u coordinates.
struct GapGroup {
  std::uint32_t begin;
  std::uint32_t extra;
};

inline constexpr std::uint32_t kSingleUnits = 16;
inline constexpr std::uint32_t kFarGap = 128;  ///< units, from which on a gap is told by its length
inline constexpr std::uint32_t kFarExtra = 7;  ///< of the group of them, as what follows counts it
inline constexpr std::size_t kGapSymbols = 29;
inline constexpr std::size_t kFarSymbol = kGapSymbols - 1;

/// 16 of one unit, 4 of 4, 4 of 8, 4 of 16, and all that are farther.
inline constexpr auto kGapGroups = [] {
  std::array<GapGroup, kGapSymbols> groups{};
  for (std::uint32_t s = 0; s < kFarSymbol; ++s) {
    const std::uint32_t octave = s < kSingleUnits ? 0 : (s - kSingleUnits) / 4;
    const std::uint32_t extra = s < kSingleUnits ? 0 : octave + 2;
    groups[s] = {.begin = s < kSingleUnits ? s : (4 + s % 4) << extra, .extra = extra};
  }
  groups[kFarSymbol] = {.begin = kFarGap, .extra = kFarExtra};
  return groups;
}();

/// The symbol of each gap below kFarGap units.
inline constexpr auto kSymbolOfUnits = [] {
  std::array<std::uint8_t, kFarGap> symbols{};
  for (std::size_t s = 0; s < kFarSymbol; ++s) {
    for (std::uint32_t v = kGapGroups[s].begin; v < kGapGroups[s + 1].begin; ++v) {
      symbols[v] = static_cast<std::uint8_t>(s);
    }
  }
  return symbols;
}();

inline constexpr unsigned kSlotBits = 10;
inline constexpr std::size_t kGapRows = 16;

/// The frequencies of a row, which sum to 2^kSlotBits: those of a gap after 8 others whose mean
/// distance is w / 8 units (the beta-geometric distribution). Of 2^32, S_v are at least v units
/// away: S_0 = 2^32 and S_(v+1) = S_v (w - 8 + v) / (w + 1 + v), rounded down. A symbol of v to
/// v' - 1 units has (S_v - S_v') / 2^22, rounded to the nearest, but at least 1; S after the last
/// is 0. Symbol 0, of which there are most, has besides what is then missing to 2^10, or less by
/// what is too much.
inline constexpr auto kGapFrequencies = [] {
  std::array<std::array<std::uint16_t, kGapSymbols>, kGapRows> rows{};
  constexpr std::uint64_t kHalf = std::uint64_t{1} << (31 - kSlotBits);
  for (std::uint32_t row = 0; row < kGapRows; ++row) {
    const std::uint64_t w = row < 12 ? (9 + 2 * (row % 4)) << row / 4 : 8 * (5 + row % 4);
    std::array<std::uint64_t, kFarGap + 1> away{std::uint64_t{1} << 32};
    for (std::uint32_t v = 0; v < kFarGap; ++v) away[v + 1] = away[v] * (w - 8 + v) / (w + 1 + v);
    std::uint64_t others = 0;
    for (std::size_t s = 1; s < kGapSymbols; ++s) {
      const std::uint64_t next = s == kFarSymbol ? 0 : away[kGapGroups[s + 1].begin];
      const std::uint64_t share = (away[kGapGroups[s].begin] - next + kHalf) >> (32 - kSlotBits);
      rows[row][s] = static_cast<std::uint16_t>(std::max<std::uint64_t>(share, 1));
      others += rows[row][s];
    }
    rows[row][0] = static_cast<std::uint16_t>((std::uint64_t{1} << kSlotBits) - others);
  }
  return rows;
}();

/// How far apart positions are where a list stands, learnt from 8 gaps at a time.
class GapScale {
 public:
  static constexpr std::size_t kChunk = 8;
  /// No list of 8,192 positions or more, all below 2^32, has a scale as large.
  static constexpr std::uint64_t kTooLarge = std::uint64_t{1} << 45;

  /// Of `count` positions below n, 1 <= count <= n.
  GapScale(std::uint64_t n, std::uint64_t count) : distance_((n << 16) / count) { find_row(); }

  [[nodiscard]] unsigned unit() const { return unit_; }  ///< u
  [[nodiscard]] unsigned row() const { return row_; }

  /// `weight`: the sum of kGapWeights of the symbols of a chunk. False if the scale is too large.
  [[nodiscard]] bool learn(std::uint64_t weight) {
    distance_ += (((weight << unit_) + kChunk) << 10) - (distance_ >> 2);
    find_row();
    return distance_ < kTooLarge;
  }

 private:
  void find_row() {
    const auto octave = static_cast<unsigned>(std::bit_width(distance_)) - 17;
    const auto quarter = static_cast<unsigned>(distance_ >> (octave + 14)) & 3;
    unit_ = octave < 3 ? 0 : octave - 2;
    row_ = (octave < 3 ? 4 * octave : 12) + quarter;
  }

  std::uint64_t distance_;  // in coordinates, times 2^16; at least 2^16
  unsigned unit_ = 0;
  unsigned row_ = 0;
};

/// Twice the middle of a symbol's gaps, in units.
inline constexpr auto kGapWeights = [] {
  std::array<std::uint16_t, 32> weights{};
  for (std::size_t s = 0; s < kGapSymbols; ++s) {
    weights[s] = static_cast<std::uint16_t>(2 * kGapGroups[s].begin + (1U << kGapGroups[s].extra));
  }
  return weights;
}();

}  // namespace mvsgd::compress
