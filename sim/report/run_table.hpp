// Runs as a table of plain text, for a terminal.
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>

#include "comm/message.hpp"
#include "sim/run/run_history.hpp"

namespace mvsgd::sim {

/// Positions and values of the sparse rounds, per coordinate and local step of a worker, as Table 1
/// counts them: q_loc and q_val.
struct BitBudget {
  double q_loc = 0;
  double q_val = 0;

  [[nodiscard]] double rate() const { return 32 / (q_loc + q_val); }
};

/// None if nothing was sent that way in sparse rounds. What workers send each other counts both
/// ways.
[[nodiscard]] std::optional<BitBudget> bit_budget(const RunHistory& run, comm::Direction direction);

/// A run, and the table's cell that says how its bits compare with the equations.
struct TableRun {
  RunHistory history;
  std::string bits;
};

/// Writes a line for each run under a line of heads: its directory, test accuracy, the rates of its
/// sparse rounds up and down, `bits`, and the first digits of its parameters' SHA-256. A run that
/// has not ended has neither accuracy nor digest.
void write_run_table(std::ostream& out, std::span<const TableRun> runs);

}  // namespace mvsgd::sim
