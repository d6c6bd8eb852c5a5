// What can be reproduced: the paper's table and figures, and tables beyond the paper.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sim/plan/table1.hpp"

namespace mvsgd::sim {

enum class Exhibit : std::uint8_t {
  table1,
  figure,
  extensions,  ///< what the paper leaves to future work, beside rows of Table 1
  claims,      ///< numbers for what sections 3 and 4.4 say
};

/// Table 1, a figure that shows some of its rows, or a table of other rows.
struct TableOrFigure {
  std::string_view name;  ///< "figure4a"
  std::string_view title;
  std::vector<std::string_view> presets;  ///< its rows, or curves
  Exhibit kind = Exhibit::figure;
  std::string_view baseline = "sm";  ///< the row with which the others are compared
};

/// table1, figure1, figure2, figure3, figure4a, figure4b, extensions, claims.
[[nodiscard]] std::span<const TableOrFigure> tables_and_figures();

/// Throws UsageError if nothing has this name.
[[nodiscard]] const TableOrFigure& table_or_figure(std::string_view name);

/// All rows in order: those of Table 1, unless `what` has a table of its own. A row that the paper
/// does not have is named after its preset, and has no printed numbers.
[[nodiscard]] std::span<const PrintedRow> rows_of(const TableOrFigure& what);

}  // namespace mvsgd::sim
