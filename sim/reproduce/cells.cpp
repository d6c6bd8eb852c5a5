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

std::string sample_cell(const std::optional<Sample>& sample, const SampleStyle& style) {
  if (!sample) return "";
  const auto& [factor, digits, has_sign] = style;
  std::string text = has_sign ? fmt::format("{:+.{}f}", factor * sample->mean, digits)
                              : fmt::format("{:.{}f}", factor * sample->mean, digits);
  if (sample->deviation) {
    text += fmt::format(" \u00b1 {:.{}f}", factor * *sample->deviation, digits);
  }
  return text;
}

std::string p_cell(const std::optional<AdjustedTest>& test) {
  return test ? fmt::format("{:.2g} ({:.2g})", test->test.p, test->holm) : "";
}

std::string csv_cell(const std::optional<double>& number) {
  return number ? fmt::format("{}", *number) : "";
}

std::array<std::string, 4> csv_cells(const std::optional<AdjustedTest>& test) {
  if (!test) return {};
  return {csv_cell(test->test.t), csv_cell(test->test.degrees), csv_cell(test->test.p),
          csv_cell(test->holm)};
}

}  // namespace mvsgd::sim
