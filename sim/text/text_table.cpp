#include "sim/text/text_table.hpp"

#include <algorithm>
#include <ostream>

namespace mvsgd::sim {

void write_text_table(std::ostream& out, std::span<const std::vector<std::string>> lines,
                      std::string_view aligned) {
  std::vector<std::size_t> widths(aligned.size());
  for (const std::vector<std::string>& line : lines) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], line.at(i).size());
    }
  }
  for (const std::vector<std::string>& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string gap(widths[i] - line[i].size(), ' ');
      if (i > 0) text += "  ";
      text += aligned[i] == '>' ? gap + line[i] : line[i] + gap;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
  }
}

}  // namespace mvsgd::sim
