// `mvsgd verify`: the paper's equations against what the program does, Table 1 against the bits on
// the wire, and a finished run's ledger against the law.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "comm/message.hpp"
#include "sim/law/law.hpp"
#include "sim/plan/table1.hpp"

namespace mvsgd::sim {

/// One thing compared with its definition.
struct Check {
  std::string subject;  ///< "eq 9"
  std::string claim;
  bool holds = false;
  std::string detail;  ///< numbers that show it, or the first difference
};

/// A row of Table 1, one direction: what a sparse round costs a worker at d = 11,173,962, N = 10.
struct TableRow {
  std::string name;
  std::uint32_t local_steps = 0;
  comm::Direction direction{};
  double equation_positions = 0;  ///< eq 14 as a real number, bits
  double equation_values = 0;     ///< eq 13
  comm::FieldBits law;            ///< the same as integers, all fields
  comm::FieldBits wire;           ///< as measured
  double rate = 0;                ///< 32 d H over the law's positions and values
  Printed printed;
  std::string verdict;
  bool holds = false;  ///< the wire has the law's bits; so has the paper, but for known errata
};

struct Verification {
  std::vector<Check> checks;
  std::vector<TableRow> table;

  [[nodiscard]] bool holds() const;
};

/// Runs real workers and real servers on drawn model differences: small ones against a restatement
/// of the algorithms in whole vectors, and every scheme of Table 1 at the paper's size against
/// `law`. Under a minute.
[[nodiscard]] Verification verify_paper(const LawConstants& law);

/// Holds what a run directory has, of a run that has ended, was cut off or goes on: every row of
/// ledger.csv of the rounds so far against `law`, metrics.jsonl against the schedule and those
/// rows, the parameters of model.safetensors against their digest, of which the detail says whose
/// bits it tells of, these files against what the run's end says they were, the checkpoints against
/// their manifests. Throws InputError if config.toml, ledger.csv or metrics.jsonl cannot be read.
[[nodiscard]] Verification verify_run(const std::filesystem::path& directory,
                                      const LawConstants& law);

/// The checks a line or two each, and Table 1 as Markdown; `wrong` marks what does not hold.
void print(std::ostream& out, const Verification& verification, const std::string& wrong = "WRONG");

/// Table 1 alone, as it stands in sim/verify/README.md.
void print_table(std::ostream& out, const std::vector<TableRow>& table);

/// The same as one JSON object: {"holds", "checks": [...], "table": [...]}.
void write_json(std::ostream& out, const Verification& verification);

}  // namespace mvsgd::sim
