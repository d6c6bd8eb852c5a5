// The table of extensions: accuracy with its interval, rates both ways, time.
#pragma once

#include <iosfwd>
#include <span>

#include "sim/reproduce/table.hpp"
#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// Writes a line for each row as Markdown: accuracy with Student's 95 % interval over the seeds,
/// its difference to the row `baseline` by pairs of seeds, the four rates, the processor time of a
/// trial. A row says so if trials are missing. Below them, which rows reach what is asked.
void write_extensions(std::ostream& out, const Caption& caption, std::span<const RowResult> rows);

/// The same numbers unrounded, a line for each row.
void write_extensions_csv(std::ostream& out, std::span<const RowResult> rows);

/// What is asked of an extension.
struct Reach {
  double points = 0.5;  ///< of accuracy below the baseline, at most
  double rate = 1000;   ///< both ways, at least
};

/// Whether the row's mean difference and its rate both ways are within reach.
[[nodiscard]] bool reaches(const RowResult& row, const Reach& reach = {});

}  // namespace mvsgd::sim
