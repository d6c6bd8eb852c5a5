// Files that set reproduced rows beside the paper's.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// What a table says about the reproduction above its rows.
struct Caption {
  std::string title;     ///< "Table 1 at scale cpu"
  std::string settings;  ///< that differ from the paper's: "width = 8, epochs = 76, ..."
  std::string summary;   ///< the scale's
  std::uint32_t trials = 1;
};

/// The caption's scale and settings, as two sentences.
[[nodiscard]] std::string explained(const Caption& caption);

/// Writes one line for each row. A row says so if trials are missing.
void write_markdown(std::ostream& out, const Caption& caption, std::span<const RowResult> rows);

/// Writes all numbers unrounded, ours and the paper's, one line for each row.
void write_table_csv(std::ostream& out, std::span<const RowResult> rows);

/// A drawing on a page, with its name.
struct Drawing {
  std::string name;
  std::string svg;
};
void write_table_html(std::ostream& out, const Caption& caption, std::span<const RowResult> rows,
                      std::span<const Drawing> figures);

}  // namespace mvsgd::sim
