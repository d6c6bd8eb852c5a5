#include "sim/reproduce/trials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include "sim/files/input_error.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/run/run_directory.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/images.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

/// The mean budget of the runs; none if nothing was sent that way.
std::optional<BitBudget> budget(std::span<const RunHistory> runs, comm::Direction direction) {
  std::vector<double> q_loc;
  std::vector<double> q_val;
  for (const RunHistory& run : runs) {
    const auto of_run = bit_budget(run, direction);
    if (!of_run) return std::nullopt;
    q_loc.push_back(of_run->q_loc);
    q_val.push_back(of_run->q_val);
  }
  return BitBudget{.q_loc = sample(q_loc).mean, .q_val = sample(q_val).mean};
}

Rates mean_rates(std::span<const RunHistory> runs) {
  Rates means;
  for (const auto member :
       {&Rates::uplink, &Rates::both_ways, &Rates::run_uplink, &Rates::run_both_ways}) {
    std::vector<double> values;
    for (const RunHistory& run : runs) {
      if (const auto rate = run.end->rates.*member) values.push_back(*rate);
    }
    if (!values.empty()) means.*member = sample(values).mean;
  }
  return means;
}

RowResult make_row(const PrintedRow& printed, SeedGroup trials) {
  RowResult row;
  row.printed = &printed;
  row.trials = std::move(trials);
  std::vector<RunHistory>& runs = row.trials.runs;
  if (runs.empty()) return row;
  std::vector<double> percents;
  std::vector<double> seconds;
  std::vector<double> cpu_seconds;
  for (const RunHistory& run : runs) {
    percents.push_back(100 * run.end->test_accuracy);
    seconds.push_back(run.rounds.back().seconds);
    cpu_seconds.push_back(run.end->phases.total());
  }
  row.accuracy = sample(percents);
  row.seconds = sample(seconds).mean;
  row.cpu_seconds = sample(cpu_seconds).mean;
  row.up = budget(runs, comm::Direction::up);
  row.down = budget(runs, comm::Direction::down);
  row.rates = mean_rates(runs);
  return row;
}

/// Of the paper's printed rows with one of them, by preset, adjusted for all of them: it compared
/// as many, whichever are shown here. None with a row that it does not have.
std::map<std::string_view, AdjustedTest> papers_tests(std::string_view baseline) {
  std::map<std::string_view, AdjustedTest> all;
  const auto of_baseline = printed_accuracy(baseline);
  if (!of_baseline) return all;
  std::vector<AdjustedTest*> tests;
  for (const PrintedRow& row : printed_table()) {
    if (row.preset == baseline) continue;
    const auto test = welch_test(printed_accuracy(row.preset).value(), *of_baseline);
    if (test) tests.push_back(&(all[row.preset] = AdjustedTest{.test = *test}));
  }
  adjust(tests);
  return all;
}

/// Tests every row but sm, and adjusts the p-values of all of them together.
template <typename Test>
void compare(std::vector<RowResult>& rows, const RowResult& sm, Comparisons RowResult::*whose,
             std::optional<AdjustedTest> Comparisons::*which, const Test& test) {
  std::vector<AdjustedTest*> tested;
  for (RowResult& row : rows) {
    if (&row == &sm) continue;
    const std::optional<TTest> result = test(row);
    if (result) tested.push_back(&(row.*whose.*which).emplace(AdjustedTest{.test = *result}));
  }
  adjust(tested);
}

void compare(std::vector<RowResult>& rows, const RowResult& sm) {
  compare(rows, sm, &RowResult::ours, &Comparisons::welch,
          [&](const RowResult& row) -> std::optional<TTest> {
            if (!row.accuracy || !sm.accuracy) return std::nullopt;
            return welch_test(*row.accuracy, *sm.accuracy);
          });
  compare(rows, sm, &RowResult::ours, &Comparisons::paired,
          [&](const RowResult& row) -> std::optional<TTest> {
            const auto difference = paired_difference(row.trials, sm.trials);
            return difference ? difference->test : std::nullopt;
          });
  const std::map<std::string_view, AdjustedTest> papers = papers_tests(sm.preset());
  for (RowResult& row : rows) {
    const auto test = papers.find(row.preset());
    if (test != papers.end()) row.papers.welch = test->second;
  }
  for (RowResult& row : rows) {
    const auto difference = paired_difference(row.trials, sm.trials);
    if (&row != &sm && difference) row.less_baseline = difference->points;
  }
}

}  // namespace

void adjust(std::span<AdjustedTest* const> tests) {
  std::vector<double> p;
  p.reserve(tests.size());
  for (const AdjustedTest* one : tests) p.push_back(one->test.p);
  const std::vector<double> adjusted = holm(p);
  for (std::size_t i = 0; i < p.size(); ++i) tests[i]->holm = adjusted[i];
}

std::optional<PairedDifference> paired_difference(const SeedGroup& row, const SeedGroup& than) {
  std::vector<double> of_row;
  std::vector<double> of_than;
  std::vector<double> differences;
  const auto seed = [](const RunHistory& run) { return run.settings.seed; };
  for (const RunHistory& run : row.runs) {
    const auto partner = std::ranges::find(than.runs, run.settings.seed, seed);
    if (partner == than.runs.end()) continue;
    of_row.push_back(100 * run.end->test_accuracy);
    of_than.push_back(100 * partner->end->test_accuracy);
    differences.push_back(of_row.back() - of_than.back());
  }
  if (differences.empty()) return std::nullopt;
  return PairedDifference{.points = sample(differences), .test = paired_test(of_row, of_than)};
}

std::optional<Sample> printed_accuracy(std::string_view preset) {
  const auto row = std::ranges::find(printed_table(), preset, &PrintedRow::preset);
  if (row == printed_table().end()) return std::nullopt;
  const auto n = static_cast<double>(row->trials);
  return Sample{.mean = std::stod(std::string(row->accuracy)),
                .deviation = std::stod(std::string(row->deviation)) * std::sqrt(n / (n - 1)),
                .n = row->trials};
}

TrialStage stage_of(const TrialSpec& trial) {
  const fs::path config = trial.path / "config.toml";
  std::error_code error;
  if (!fs::exists(config, error)) return TrialStage::absent;
  const auto [there, named, environment] = read_run_settings(config);
  const std::string images = value_of(environment, kImagesDigest);
  const bool compares_images = !images.empty() && !trial.images.empty();
  if (compares_images && images != trial.images) {
    throw InputError(fmt::format("{}: other images than here: SHA-256 {} there, {} here",
                                 trial.path.string(), images, trial.images));
  }
  for (const Key& key : keys()) {
    if (changes_no_bit(trial.settings, key.name)) continue;
    if (key.get(there) == key.get(trial.settings)) continue;
    if (key.name == "data" &&
        (compares_images || absolute_data(there) == absolute_data(trial.settings))) {
      continue;
    }
    throw InputError(fmt::format("{}: {} = {} there, {} here", trial.path.string(), key.name,
                                 key.get(there), key.get(trial.settings)));
  }
  return has_finished(trial.path) ? TrialStage::finished : TrialStage::begun;
}

std::vector<RowResult> Results::rows(std::span<const TrialSpec> trials, const TableOrFigure& what) {
  std::vector<RowResult> rows;
  for (const PrintedRow& printed : rows_of(what)) {
    SeedGroup group{.label = std::string(printed.name), .runs = {}};
    bool wanted = false;
    for (const TrialSpec& trial : trials) {
      if (trial.settings.preset != printed.preset) continue;
      wanted = true;
      auto found = finished_.find(trial.path);
      if (found == finished_.end()) {
        if (stage_of(trial) != TrialStage::finished) continue;
        RunHistory run = read_run_history(trial.path);
        std::erase_if(run.rounds, [](const RoundHistory& m) { return !m.test_accuracy; });
        if (run.rounds.empty()) {
          throw InputError(fmt::format("{}: no round of it was evaluated", trial.path.string()));
        }
        found = finished_.emplace(trial.path, std::move(run)).first;
      }
      group.runs.push_back(found->second);
    }
    if (wanted) rows.push_back(make_row(printed, std::move(group)));
  }
  const auto sm = std::ranges::find(rows, what.baseline, &RowResult::preset);
  if (sm != rows.end()) compare(rows, *sm);
  return rows;
}

}  // namespace mvsgd::sim
