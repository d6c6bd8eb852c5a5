#include "sim/text/numbers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

namespace mvsgd::sim {

std::string grouped(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t i = text.size(); i > 3;) text.insert(i -= 3, 1, ',');
  return text;
}

std::string counted(std::uint64_t n, std::string_view one) {
  return fmt::format("{} {}{}", grouped(n), one, n == 1 ? "" : "s");
}

std::string bar(std::uint64_t done, std::uint64_t total) {
  constexpr std::uint64_t kBar = 8;
  const std::uint64_t filled = kBar * done / total;
  return fmt::format("[{}{}]", std::string(filled, '#'), std::string(kBar - filled, '.'));
}

std::string clock_time(double seconds) {
  const auto s = static_cast<long>(seconds + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string duration(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} seconds", seconds);
  if (seconds < 90 * 60) return fmt::format("{:.0f} minutes", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{:.1f} hours", seconds / 3600);
  return fmt::format("{:.0f} days", seconds / 86400);
}

std::string amount(comm::Bits bits) {
  constexpr std::string_view kPrefixes = " kMGTP";
  auto value = static_cast<double>(bits.count());
  std::size_t i = 0;
  for (; value >= 1000 && i + 1 < kPrefixes.size(); ++i) value /= 1000;
  return i == 0 ? fmt::format("{} bit", bits.count())
                : fmt::format("{:.3g} {}bit", value, kPrefixes[i]);
}

std::string three_digits(double x) {
  constexpr double kLeast = 999.5;  // from here on three digits would be written as 1e+03
  return x >= kLeast ? fmt::format("{:.0f}", x) : fmt::format("{:.3g}", x);
}

std::string times(const std::optional<double>& rate) {
  return rate ? fmt::format("x{:.1f}", *rate) : "-";
}

std::string listed(std::span<const std::string> words, std::string_view word) {
  const std::span<const std::string> first = words.first(words.size() - 1);
  return first.empty() ? words.back()
                       : fmt::format("{} {} {}", fmt::join(first, ", "), word, words.back());
}

}  // namespace mvsgd::sim
