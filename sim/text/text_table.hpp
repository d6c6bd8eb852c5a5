// Tables of plain text for a terminal.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mvsgd::sim {

/// Writes lines of cells in columns two spaces apart, each as wide as its widest cell. `aligned`
/// has one character for each column: '<' for words, '>' for numbers, which are aligned on the
/// right. No line ends in spaces.
void write_text_table(std::ostream& out, std::span<const std::vector<std::string>> lines,
                      std::string_view aligned);

}  // namespace mvsgd::sim
