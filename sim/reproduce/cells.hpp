// Numbers in the cells of reproduced tables. Private: other folders use table.hpp.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// How many times fewer bits: 32 over the budget. None where nothing was sent.
[[nodiscard]] std::optional<double> rate_of(const std::optional<BitBudget>& bits);

/// A rate in a page's cell, in UTF-8: its sign and three digits, "" for none.
[[nodiscard]] std::string times_cell(const std::optional<double>& rate);

/// How a sample is shown.
struct SampleStyle {
  double factor = 1;  ///< of mean and deviation
  int digits = 2;
  bool has_sign = false;  ///< a mean above 0 has a plus
};
/// A mean and, if there is one, its sample deviation, in UTF-8; "" for none.
[[nodiscard]] std::string sample_cell(const std::optional<Sample>& sample,
                                      const SampleStyle& style = {});

/// The p of a test and, in brackets, the adjusted one; "" for none.
[[nodiscard]] std::string p_cell(const std::optional<AdjustedTest>& test);

/// A number in a cell of a CSV file: all digits, "" for none.
[[nodiscard]] std::string csv_cell(const std::optional<double>& number);

/// t, degrees, p and the adjusted p of a test, as cells of a CSV file; empty ones for none.
[[nodiscard]] std::array<std::string, 4> csv_cells(const std::optional<AdjustedTest>& test);

}  // namespace mvsgd::sim
