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
inline constexpr std::size_t kGapFamilies = 2;  ///< of rows: of even lists, and of clustered ones
inline constexpr std::size_t kRowsOfAFamily = 16;
inline constexpr std::size_t kGapRows = kGapFamilies * kRowsOfAFamily;

/// Four times the number of gaps of which a family's rows know the mean distance. The fewer they
/// are, the more often they expect gaps that are far from it.
inline constexpr std::array<std::uint64_t, kGapFamilies> kQuarterGapsKnown = {32, 3};

/// Eight times that mean distance, in units, by the row of a family.
constexpr std::uint64_t gap_row_distance(std::size_t row) {
  return row < 12 ? (9 + 2 * (row % 4)) << row / 4 : 8 * (5 + row % 4);
}

/// The frequencies of a row, which sum to 2^kSlotBits: those of a gap after g / 4 others whose mean
/// distance is w / 8 units (the beta-geometric distribution). Of 2^32, S_v are at least v units
/// away: S_0 = 2^32 and S_(v+1) = S_v (g w - 8 g + 32 v) / (g w + 32 + 32 v), rounded down. A
/// symbol of v to v' - 1 units has (S_v - S_v') / 2^22, rounded to the nearest, but at least 1; S
/// after the last is 0. Symbol 0, of which there are most, has besides what is then missing to
/// 2^10, or less by what is too much.
inline constexpr auto kGapFrequencies = [] {
  std::array<std::array<std::uint16_t, kGapSymbols>, kGapRows> rows{};
  constexpr std::uint64_t kHalf = std::uint64_t{1} << (31 - kSlotBits);
  for (std::size_t row = 0; row < kGapRows; ++row) {
    const std::uint64_t g = kQuarterGapsKnown[row / kRowsOfAFamily];
    const std::uint64_t gw = g * gap_row_distance(row % kRowsOfAFamily);
    std::array<std::uint64_t, kFarGap + 1> away{std::uint64_t{1} << 32};
    for (std::uint32_t v = 0; v < kFarGap; ++v) {
      away[v + 1] = away[v] * (gw - 8 * g + 32 * v) / (gw + 32 + 32 * v);
    }
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

inline constexpr std::size_t kRowStride = 32;  ///< of tables by row and symbol
static_assert(kGapSymbols <= kRowStride);

/// What a gap teaches, by row and symbol, as two numbers that are summed as one: by how much the
/// scale grows, in 2^-12 of it (pull_of), and 2^32 times how much likelier clustered rows are
/// (lean_of).
///
/// The first is k (N - (g + 8) (g w + 32)) / N, rounded down, N being (g + 4) (g w + 64 + 16 z) and
/// z twice the middle of the symbol's gaps. One more gap moves the density that the row's g / 4
/// gaps let expect by the factor (g + 8) (g w + 32) / N, whose mean is 1. With
/// k = (g / 4 + 3) 2^12 / r the scale follows as the mean of the last r gaps would; r is 39 in even
/// rows, and 12 in clustered ones.
///
/// The second is l(f) in the clustered row, less that in the even one: 16 times the binary
/// logarithm of a frequency, by a line between powers of two.
inline constexpr auto kGapLessons = [] {
  std::array<std::int64_t, kGapRows * kRowStride> lessons{};
  constexpr std::array<std::int64_t, kGapFamilies> kPull = {1152, 1280};
  const auto logarithm = [](std::uint32_t f) {
    const auto octave = static_cast<unsigned>(std::bit_width(f)) - 1;
    return static_cast<int>(16 * octave + ((f << 4) >> octave)) - 16;
  };
  for (std::size_t row = 0; row < kGapRows; ++row) {
    const std::size_t family = row / kRowsOfAFamily;
    const std::size_t of_family = row % kRowsOfAFamily;
    const auto g = static_cast<std::int64_t>(kQuarterGapsKnown[family]);
    const std::int64_t gw = g * static_cast<std::int64_t>(gap_row_distance(of_family));
    for (std::size_t s = 0; s < kGapSymbols; ++s) {
      const std::int64_t z = 2 * std::int64_t{kGapGroups[s].begin} + (1 << kGapGroups[s].extra) - 1;
      const std::int64_t more = (g + 4) * (gw + 64 + 16 * z);
      const std::int64_t numerator = kPull[family] * (more - (g + 8) * (gw + 32));
      const std::int64_t pull =
          numerator >= 0 ? numerator / more : -((more - 1 - numerator) / more);
      const int lean = logarithm(kGapFrequencies[kRowsOfAFamily + of_family][s]) -
                       logarithm(kGapFrequencies[of_family][s]);
      lessons[row * kRowStride + s] = pull + (std::int64_t{lean} << 32);
    }
  }
  return lessons;
}();

constexpr std::int32_t pull_of(std::int64_t lessons) { return static_cast<std::int32_t>(lessons); }
constexpr std::int32_t lean_of(std::int64_t lessons) {
  return static_cast<std::int32_t>((lessons - pull_of(lessons)) >> 32);
}

/// How far apart positions are where a list stands, and how evenly, learnt from 4 gaps at a time.
class GapScale {
 public:
  static constexpr std::size_t kChunk = 4;
  /// No list of positions below 2^32 has a scale as large.
  static constexpr std::int64_t kTooLarge = std::int64_t{1} << 47;

  /// Of `count` positions below n, 1 <= count <= n.
  GapScale(std::uint64_t n, std::uint64_t count)
      : distance_(static_cast<std::int64_t>((n << 16) / count)) {
    find_row();
  }

  [[nodiscard]] unsigned unit() const { return unit_; }   ///< u
  [[nodiscard]] std::size_t row() const { return row_; }  ///< of all families

  /// `lessons`: the sum of kGapLessons of a chunk. False if the scale is too large.
  [[nodiscard]] bool learn(std::int64_t lessons) {
    distance_ = std::max(distance_ + (distance_ * pull_of(lessons) >> 12), kLeast);
    clustered_ += lean_of(lessons) - (clustered_ >> 6);
    find_row();
    return distance_ < kTooLarge;
  }

 private:
  static constexpr std::int64_t kLeast = std::int64_t{1} << 16;

  void find_row() {
    const auto distance = static_cast<std::uint64_t>(distance_);
    const auto octave = static_cast<unsigned>(std::bit_width(distance)) - 17;
    const auto quarter = static_cast<unsigned>(distance >> (octave + 14)) & 3;
    unit_ = octave < 3 ? 0 : octave - 2;
    row_ = (clustered_ > 0 ? kRowsOfAFamily : 0) + (octave < 3 ? 4 * octave : 12) + quarter;
  }

  std::int64_t distance_;  // in coordinates, times 2^16; at least 2^16
  std::int32_t clustered_ = 0;
  unsigned unit_ = 0;
  std::size_t row_ = 0;
};

}  // namespace mvsgd::compress
