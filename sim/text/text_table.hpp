// Tables of plain text, for a terminal.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mvsgd::sim {

/// Lines of cells in columns two spaces apart, each as wide as its widest cell. `aligned` has a
/// character a column: '<' for words, '>' for numbers, which end where their column does. No line
/// ends in spaces.
void write_text_table(std::ostream& out, std::span<const std::vector<std::string>> lines,
                      std::string_view aligned);

}  // namespace mvsgd::sim
