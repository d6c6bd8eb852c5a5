// Fuzzes the reading of a run: any metrics.jsonl and ledger.csv are refused, or give a history that
// can be reported, and an audit that says what differs.
//
// Input: metrics.jsonl, a '#', and ledger.csv.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/files/input_error.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/report/seed_groups.hpp"
#include "sim/run/run_directory.hpp"
#include "sim/run/run_history.hpp"
#include "sim/verify/verify.hpp"
#include "tests/fuzz/fuzz_check.hpp"
#include "tests/test_directory.hpp"

namespace {

namespace fs = std::filesystem;
using mvsgd::fuzz::check;
using mvsgd::sim::InputError;
using mvsgd::sim::LedgerRows;
using mvsgd::sim::RunHistory;
using mvsgd::sim::Settings;

/// The directory of a run of four rounds, the first of them dense.
class Run {
 public:
  explicit Run(LedgerRows rows) {
    Settings settings = mvsgd::sim::preset("ssgd-mv-ad").settings;
    settings.width = 1;
    settings.workers = 2;
    settings.batch = 8;
    settings.synthetic_train = 64;
    settings.epochs = 1;
    settings.ledger_rows = rows;
    std::ofstream config(path() / "config.toml");
    write_toml(settings, config);
  }

  [[nodiscard]] const fs::path& path() const { return directory_.path(); }

  void write(const char* name, std::string_view text) const {
    std::ofstream(path() / name, std::ios::binary) << text << std::flush;
  }

 private:
  mvsgd::TestDirectory directory_;
};

void report(const fs::path& run) {
  std::vector<RunHistory> runs{mvsgd::sim::read_run_history(run)};
  for (std::size_t i = 0; i < runs.front().rounds.size(); ++i) {
    check(runs.front().rounds[i].round == i + 1, "rounds follow each other");
  }
  std::ostringstream csv;
  write_csv(csv, seed_groups(std::move(runs)));
  check(csv.str().starts_with("group,seed,round,"), "a report is written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Run by_worker(LedgerRows::worker);
  static const Run by_round(LedgerRows::round);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t border = input.find('#');
  if (border == std::string_view::npos) return 0;
  const bool has_sums = input.substr(border + 1).starts_with("round,direction,");
  const Run& run = has_sums ? by_round : by_worker;
  run.write("metrics.jsonl", input.substr(0, border));
  run.write("ledger.csv", input.substr(border + 1));

  bool finished = false;
  try {
    (void)mvsgd::sim::read_finished_run(run.path());
    finished = true;
  } catch (const InputError&) {
  }
  check(finished == mvsgd::sim::has_finished(run.path()), "a run has finished, or has not");
  try {
    report(run.path());
  } catch (const InputError&) {
  }
  try {
    const auto audit = mvsgd::sim::verify_run(run.path(), {});
    check(audit.holds() || !audit.checks.front().detail.empty(), "an audit says what differs");
  } catch (const InputError&) {
  }
  return 0;
}
