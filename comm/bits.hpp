// Bits: the unit in which every message is measured.
#pragma once

#include <compare>
#include <cstdint>

namespace mvsgd::comm {

/// A number of bits. Everything the ledger records, a codec promises or a message measures is in
/// this unit, so that bits and bytes cannot be mixed by accident.
///
/// Sums, multiples and comparisons only. A product of two bit counts means nothing; their quotient
/// is a ratio, which ratio() gives by name.
class Bits {
 public:
  constexpr Bits() = default;
  constexpr explicit Bits(std::uint64_t count) : count_(count) {}

  /// The bits of whole bytes.
  [[nodiscard]] static constexpr Bits of_bytes(std::uint64_t bytes) { return Bits(8 * bytes); }

  [[nodiscard]] constexpr std::uint64_t count() const { return count_; }

  /// The bytes that hold this many bits, the last one padded.
  [[nodiscard]] constexpr std::uint64_t bytes_ceil() const {
    return count_ / 8 + (count_ % 8 != 0 ? 1 : 0);
  }

  constexpr Bits& operator+=(Bits other) {
    count_ += other.count_;
    return *this;
  }
  friend constexpr Bits operator+(Bits a, Bits b) { return Bits(a.count_ + b.count_); }
  friend constexpr Bits operator*(std::uint64_t times, Bits b) { return Bits(times * b.count_); }
  friend constexpr auto operator<=>(Bits, Bits) = default;

 private:
  std::uint64_t count_ = 0;
};

/// `a` over `b`, as the real number it is; infinite or NaN when b is 0.
[[nodiscard]] constexpr double ratio(Bits a, Bits b) {
  return static_cast<double>(a.count()) / static_cast<double>(b.count());
}

}  // namespace mvsgd::comm
