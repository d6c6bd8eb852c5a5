// Numbers in the cells of reproduced tables. Private: other folders use table.hpp.
#pragma once

#include <optional>
#include <string>

#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// How many times fewer bits: 32 over the budget. None where nothing was sent.
[[nodiscard]] std::optional<double> rate_of(const std::optional<BitBudget>& bits);

/// A rate in a page's cell, in UTF-8: its sign and three digits, "" for none.
[[nodiscard]] std::string times_cell(const std::optional<double>& rate);

/// The p of a test and, in brackets, the adjusted one; "" for none.
[[nodiscard]] std::string p_cell(const std::optional<AdjustedTest>& test);

/// A number in a cell of a CSV file: all digits, "" for none.
[[nodiscard]] std::string csv_cell(const std::optional<double>& number);

}  // namespace mvsgd::sim
