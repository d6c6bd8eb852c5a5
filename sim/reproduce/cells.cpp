#include "sim/reproduce/cells.hpp"

#include <fmt/format.h>

#include "sim/text/numbers.hpp"

namespace mvsgd::sim {

std::optional<double> rate_of(const std::optional<BitBudget>& bits) {
  return bits ? std::optional(bits->rate()) : std::nullopt;
}

std::string times_cell(const std::optional<double>& rate) {
  return rate ? fmt::format("\u00d7{}", three_digits(*rate)) : "";
}

std::string p_cell(const std::optional<AdjustedTest>& test) {
  return test ? fmt::format("{:.2g} ({:.2g})", test->test.p, test->holm) : "";
}

std::string csv_cell(const std::optional<double>& number) {
  return number ? fmt::format("{}", *number) : "";
}

}  // namespace mvsgd::sim
