// Numbers and lists as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "comm/bits.hpp"

namespace mvsgd::sim {

/// 1005660 as "1,005,660".
[[nodiscard]] std::string grouped(std::uint64_t n);

/// "1 round" or "1,200 rounds": how many there are of what `one` names.
[[nodiscard]] std::string counted(std::uint64_t n, std::string_view one);

/// The share `done` of `total` as "[###.....]".
[[nodiscard]] std::string bar(std::uint64_t done, std::uint64_t total);

/// "1:02:03" or "2:03".
[[nodiscard]] std::string clock_time(double seconds);

/// A rough duration in a suitable unit: "4.6 hours".
[[nodiscard]] std::string duration(double seconds);

/// Three digits and a prefix: "1.01 Mbit".
[[nodiscard]] std::string amount(comm::Bits bits);

/// Three digits, without trailing zeros, but all of a whole number: .0225, 3.2, 78.1, 1969.
[[nodiscard]] std::string three_digits(double x);

/// A compression rate as "x311.0", "-" for none.
[[nodiscard]] std::string times(const std::optional<double>& rate);

/// "a, b and c" if `word` is "and". `words` must not be empty.
[[nodiscard]] std::string listed(std::span<const std::string> words, std::string_view word);

}  // namespace mvsgd::sim
