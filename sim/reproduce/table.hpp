// Reproduced rows beside the paper's, as files.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// Everything about a reproduction that its table says above the rows.
struct Caption {
  std::string title;     ///< "Table 1 at scale cpu"
  std::string settings;  ///< what differs from the paper's: "width = 8, epochs = 76, ..."
  std::string summary;   ///< the scale's
  std::uint32_t trials = 1;
};

/// One line a row; a row with fewer trials than wanted says so.
void write_markdown(std::ostream& out, const Caption& caption, std::span<const RowResult> rows);

/// All numbers unrounded, ours and the paper's, a line a row.
void write_table_csv(std::ostream& out, std::span<const RowResult> rows);

/// A page with the table and `figures`, drawings by name.
struct Drawing {
  std::string name;
  std::string svg;
};
void write_table_html(std::ostream& out, const Caption& caption, std::span<const RowResult> rows,
                      std::span<const Drawing> figures);

}  // namespace mvsgd::sim
