#include "sim/reproduce/sweep.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <ostream>

#include "sim/files/durable_file.hpp"
#include "sim/files/made_directory.hpp"
#include "sim/reproduce/results_files.hpp"
#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

std::string name_of(const TrialSpec& trial) {
  return fmt::format("{}, seed {}", trial.settings.preset, trial.settings.seed);
}

}  // namespace

double Forecast::seconds(std::span<const TrialSpec> trials) {
  double left = 0;
  for (const TrialSpec& trial : trials) {
    if (stage_of(trial) != TrialStage::finished) left += estimate_.seconds(trial.settings);
  }
  return estimated_ > 0 ? left * taken_ / estimated_ : left;
}

void Forecast::ended(const TrialSpec& trial, double seconds) {
  estimated_ += estimate_.seconds(trial.settings);
  taken_ += seconds;
}

std::size_t Sweep::finished() const {
  return static_cast<std::size_t>(
      std::ranges::count(plan_->trials, TrialStage::finished, stage_of));
}

bool Sweep::run() {
  for (std::size_t i = 0; i < plan_->trials.size(); ++i) {
    const TrialSpec& trial = plan_->trials[i];
    const MadeDirectory made(trial.path);
    try {
      const DirectoryLock lock(trial.path);
      const TrialStage stage = stage_of(trial);
      if (stage == TrialStage::finished) continue;
      fmt::print(*out_, "[{}/{}] {}\n", i + 1, plan_->trials.size(), name_of(trial));
      out_->flush();
      switch (run_trial_(trial, stage == TrialStage::begun)) {
        case TrialEnd::finished:
          tell(trial);
          break;
        case TrialEnd::failed:
          failed_.push_back(name_of(trial));
          break;
        case TrialEnd::stopped:
          return false;
      }
    } catch (const LockedError&) {
      fmt::print(*out_, "[{}/{}] {}: another process is at it\n", i + 1, plan_->trials.size(),
                 name_of(trial));
    }
  }
  return true;
}

/// Reports the trial's result and writes the tables anew.
void Sweep::tell(const TrialSpec& trial) {
  const std::vector<RowResult> rows = this->rows();
  const RowResult& row = *std::ranges::find(rows, trial.settings.preset, &RowResult::preset);
  const RunHistory& run = *std::ranges::find(row.trials.runs, trial.path, &RunHistory::path);
  const double seconds = run.rounds.back().seconds;
  forecast_.ended(trial, seconds);
  fmt::print(*out_, "  {:.2f} % in {}; {} left\n", 100 * run.end->test_accuracy, duration(seconds),
             duration(forecast_.seconds(plan_->trials)));
  ResultsFiles(*plan_, rows).write_numbers();
}

}  // namespace mvsgd::sim
