// The paper's table and figures that can be reproduced.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace mvsgd::sim {

/// Table 1, or a figure that shows some of its rows.
struct TableOrFigure {
  std::string_view name;  ///< "figure4a"
  std::string_view title;
  std::vector<std::string_view> presets;  ///< its rows, or curves
};

/// table1, then figure1, figure2, figure3, figure4a, figure4b.
[[nodiscard]] std::span<const TableOrFigure> tables_and_figures();

/// Throws UsageError if neither a table nor a figure has this name.
[[nodiscard]] const TableOrFigure& table_or_figure(std::string_view name);

}  // namespace mvsgd::sim
