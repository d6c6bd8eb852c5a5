// `mvsgd verify`: the paper's equations against what the program does, and a finished run's ledger
// against the law.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "sim/law.hpp"

namespace mvsgd::sim {

/// One thing held against its definition.
struct Check {
  std::string subject;  ///< "eq 9"
  std::string claim;
  bool holds = false;
  std::string detail;  ///< numbers that show it, or the first difference
};

/// A row of Table 1: what a sparse round costs at d = 11,173,962, N = 10.
struct TableRow {
  std::string name;
  std::uint32_t local_steps = 0;
  double budget = 0;   ///< (Q_loc + Q_val) / (d H) up, from the measured bits
  double rate = 0;     ///< 32 over it
  double printed = 0;  ///< the paper's rate
  bool holds = false;  ///< printed is rate, rounded
};

struct Verification {
  std::vector<Check> checks;
  std::vector<TableRow> table;

  [[nodiscard]] bool holds() const;
};

/// Runs real workers and a real server on drawn model differences, small ones against a restatement
/// of Algorithm 1 in whole vectors and a round at the paper's size against `law`. Some seconds.
[[nodiscard]] Verification verify_paper(const LawConstants& law);

/// Audits the ledger of a run directory: every row of every round. Throws InputError if its files
/// cannot be read.
[[nodiscard]] Verification verify_run(const std::filesystem::path& directory,
                                      const LawConstants& law);

void print(std::ostream& out, const Verification& verification);

}  // namespace mvsgd::sim
