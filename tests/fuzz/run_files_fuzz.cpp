// Fuzzes the reading of a run: any metrics.jsonl and ledger.csv are refused, or give a history that
// can be reported, times over a network, an audit that says what differs, and a condensed run of
// which the same holds.
//
// Input: metrics.jsonl, ledger.csv, sizes.csv of a condensed run and worker_metrics.jsonl, with a
// '#' between two of them. The last two may be left out.
#include <algorithm>
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
#include "sim/report/network_times.hpp"
#include "sim/report/seed_groups.hpp"
#include "sim/run/condensed_run.hpp"
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
    settings.mask_metrics = true;
    settings.worker_metrics = true;
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
  std::uint64_t last = 0;
  for (const auto& line : runs.front().rounds) {
    last += line.rounds.value_or(1);
    check(line.round == last, "rounds follow each other");
  }
  std::ostringstream csv;
  write_csv(csv, seed_groups(std::move(runs)));
  check(csv.str().starts_with("group,seed,round,"), "a report is written");
}

void put_on_a_network(const fs::path& run) {
  static const mvsgd::sim::Network network = mvsgd::sim::read_network("1000000G/1000000G/0s");
  const std::vector<mvsgd::sim::RunWithRows> runs{mvsgd::sim::read_run_with_rows(run)};
  check(network_times(runs.front(), network).size() == runs.front().history.rounds.size() + 1,
        "each round has its time, and so has the initial model");
  std::ostringstream table;
  write_network_table(table, runs, network);
  check(table.str().starts_with("run "), "a table is written");
}

void audit(const fs::path& run) {
  for (const mvsgd::sim::Check& claim : mvsgd::sim::verify_run(run, {}).checks) {
    check(claim.holds || !claim.detail.empty(), "an audit says what differs");
  }
}

void condense(const fs::path& run) {
  static const mvsgd::TestDirectory small;
  for (const auto& [name, text] : mvsgd::sim::condensed(run)) {
    std::ofstream(small.path() / name, std::ios::binary) << text << std::flush;
  }
  audit(small.path());
}

template <typename Reader>
void refuse_or(const Reader& read, const fs::path& run) {
  try {
    read(run);
  } catch (const InputError&) {
  }
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
  std::string_view rest = input;
  for (const char* const name :
       {"metrics.jsonl", "ledger.csv", "sizes.csv", "worker_metrics.jsonl"}) {
    const std::size_t end = std::min(rest.find('#'), rest.size());
    run.write(name, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }

  bool finished = false;
  try {
    (void)mvsgd::sim::read_finished_run(run.path());
    finished = true;
  } catch (const InputError&) {
  }
  check(finished == mvsgd::sim::has_finished(run.path()), "a run has finished, or has not");
  refuse_or(report, run.path());
  refuse_or(put_on_a_network, run.path());
  refuse_or(audit, run.path());
  refuse_or(condense, run.path());
  return 0;
}
