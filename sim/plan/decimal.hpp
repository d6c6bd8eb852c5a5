// Exact decimal fractions. They keep phi as it was written, so that K = ceil(phi * d) has no
// rounding error (in doubles ceil(.07 * 100) is 8).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mvsgd::sim {

/// A non-negative number digits * 10^-places.
class Decimal {
 public:
  constexpr Decimal() = default;
  constexpr Decimal(std::uint64_t digits, unsigned places) : digits_(digits), places_(places) {}

  /// Reads "0.01", ".01", "1e-2" or "1". Throws std::invalid_argument if the text is none of these
  /// or needs more than 18 digits.
  [[nodiscard]] static Decimal parse(std::string_view text);

  [[nodiscard]] constexpr std::uint64_t digits() const { return digits_; }
  [[nodiscard]] constexpr unsigned places() const { return places_; }

  /// ceil(x * n), exactly. Throws std::invalid_argument if it is 2^64 or more.
  [[nodiscard]] std::uint64_t ceil_times(std::uint64_t n) const;

  /// The block size of the position code: round(1 / (n x)), halves up, at least 1. Throws
  /// std::invalid_argument if n x = 0.
  [[nodiscard]] std::uint64_t rounded_reciprocal(std::uint32_t n = 1) const;

  [[nodiscard]] double to_double() const;
  [[nodiscard]] std::string to_string() const;  ///< "0.01"; parse() reads it back

  friend bool operator==(const Decimal& a, const Decimal& b);
  /// Compares the fractions exactly.
  friend bool operator<(const Decimal& a, const Decimal& b);

 private:
  std::uint64_t digits_ = 0;
  unsigned places_ = 0;
};

}  // namespace mvsgd::sim
