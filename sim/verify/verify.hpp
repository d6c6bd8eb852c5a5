// `mvsgd verify`: compares the program with the paper's equations, its messages with Table 1, and a
// run's ledger with the law.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "comm/message.hpp"
#include "sim/law/law.hpp"
#include "sim/plan/table1.hpp"

namespace mvsgd::sim {

/// One claim that is compared with its definition.
struct Check {
  std::string subject;  ///< "eq 9"
  std::string claim;
  bool holds = false;
  std::string detail;  ///< numbers that support it, or the first difference
};

/// One direction of a row of Table 1: the bits of a sparse round for one worker at d = 11,173,962,
/// N = 10.
struct TableRow {
  std::string name;
  std::uint32_t local_steps = 0;
  comm::Direction direction{};
  double equation_positions = 0;  ///< eq 14 as a real number, bits
  double equation_values = 0;     ///< eq 13
  comm::FieldBits law;            ///< both as integers, all fields
  comm::FieldBits wire;           ///< as measured
  double rate = 0;                ///< 32 d H over the law's positions and values
  Printed printed;
  std::string verdict;
  bool holds = false;  ///< wire and law agree; so does the paper, known errata aside
};

struct Verification {
  std::vector<Check> checks;
  std::vector<TableRow> table;

  [[nodiscard]] bool holds() const;
};

/// Runs real workers and real servers on drawn model differences. Small runs are compared with the
/// definition in whole vectors, and every scheme of Table 1 at the paper's size is compared with
/// `law`. Under a minute.
[[nodiscard]] Verification verify_paper(const LawConstants& law);

/// Checks the directory of a run that has ended, was cut off or goes on, or a run's archive:
///
/// - every row of ledger.csv so far against `law`;
/// - metrics.jsonl against the schedule and those rows;
/// - the parameters of model.safetensors against their digest (the detail: which machines give it);
/// - these three files against the digests in the run's last line;
/// - the checkpoints against their manifests.
///
/// Of a condensed run, whose ledger has sums over rounds, it checks these sums, and metrics.jsonl
/// against them and the schedule; an archive (sim/run/run_archive.hpp) has such a run.
///
/// Throws InputError if config.toml, ledger.csv, metrics.jsonl or sizes.csv cannot be read, or if a
/// file is no archive of a run.
[[nodiscard]] Verification verify_run(const std::filesystem::path& run, const LawConstants& law);

/// Prints each check in a line or two, and Table 1 as Markdown. `wrong` marks what does not hold.
void print(std::ostream& out, const Verification& verification, const std::string& wrong = "WRONG");

/// Prints Table 1 alone, as sim/verify/README.md has it.
void print_table(std::ostream& out, const std::vector<TableRow>& table);

/// Writes the same as one JSON object: {"holds", "checks": [...], "table": [...]}.
void write_json(std::ostream& out, const Verification& verification);

}  // namespace mvsgd::sim
