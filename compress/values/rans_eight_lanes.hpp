// The states of all eight lanes at once, by AVX-512. Private to rans.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mvsgd::compress {

inline constexpr std::size_t kEightLanes = 8;

// A slot of a row: its symbol, its offset within the symbol's slots, and the symbol's frequency.
inline constexpr unsigned kSlotSymbolBits = 8;
inline constexpr unsigned kSlotOffsetBits = 12;

constexpr std::uint32_t packed_slot(std::uint32_t symbol, std::uint32_t offset,
                                    std::uint32_t frequency) {
  // 2^12 would not fit. A symbol that has all slots leaves no other symbol whose frequency could
  // be 0.
  return symbol | offset << kSlotSymbolBits |
         (frequency - 1) << (kSlotSymbolBits + kSlotOffsetBits);
}

// How a symbol enters a state: its frequency, and the slots before its own.
inline constexpr unsigned kStepFrequencyBits = 12;
inline constexpr std::uint32_t kNoStep = ~std::uint32_t{0};  // of a symbol without slots

constexpr std::uint32_t packed_step(std::uint32_t frequency, std::uint32_t begin) {
  return frequency == 0 ? kNoStep : (frequency - 1) | begin << kStepFrequencyBits;
}

/// The states of a stream.
using EightStates = std::array<std::uint32_t, kEightLanes>;

/// All rows, 2^bits slots each: packed_slot() of each slot, or packed_step() of each symbol.
struct PackedRows {
  std::span<const std::uint32_t> table;
  unsigned bits;
};

#if defined(__x86_64__)
/// Reads symbols by eights, until fewer than eight of them or of the words are left. Returns how
/// many there are, and takes their words from the front of `words`.
///
///   rows     of each symbol; if empty, all are of row 0
///   symbols  what is read
std::size_t read_eights(const PackedRows& slots, std::span<const std::uint8_t> rows,
                        EightStates& states, std::span<const std::uint16_t>& words,
                        std::span<std::uint8_t> symbols);

/// Goes backwards through the symbols, whose number is a multiple of eight. Their words go below
/// `next`, which moves down; the eight below them may be written, too. Returns false, with
/// meaningless states, if a symbol has no slots.
[[nodiscard]] bool write_eights(const PackedRows& steps, std::span<const std::uint8_t> symbols,
                                EightStates& states, std::uint16_t*& next);
#endif

}  // namespace mvsgd::compress
