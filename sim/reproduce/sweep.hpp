// Runs a reproduction: its trials one after the other, with a forecast of the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/reproduce/estimate.hpp"
#include "sim/reproduce/sweep_plan.hpp"
#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// Forecasts how long trials take. Each trial that ends corrects it.
class Forecast {
 public:
  /// Seconds until all trials are finished.
  [[nodiscard]] double seconds(std::span<const TrialSpec> trials);

  void ended(const TrialSpec& trial, double seconds);

 private:
  Estimate estimate_;
  double estimated_ = 0;  ///< for the trials that have ended
  double taken_ = 0;      ///< by these trials
};

/// How a trial has ended.
enum class TrialEnd : std::uint8_t {
  finished,
  failed,   ///< by itself: the others can go on
  stopped,  ///< by what stops all: an interrupt, a wrong count of bits, bad input
};

/// Trains a trial in its directory. With `resume`, the directory has a part of it, which goes on.
using RunTrial = std::function<TrialEnd(const TrialSpec& trial, bool resume)>;

/// Runs the trials of a plan that are not finished. Leaves a trial to another process that is
/// running it.
class Sweep {
 public:
  /// `plan` and `out`, which gets a report of each trial, must outlive it.
  Sweep(const SweepPlan& plan, RunTrial run_trial, std::ostream& out)
      : plan_(&plan), run_trial_(std::move(run_trial)), out_(&out) {}

  [[nodiscard]] std::size_t finished() const;  ///< trials of the plan

  /// Seconds until all trials are finished, as forecast.
  [[nodiscard]] double seconds() { return forecast_.seconds(plan_->trials); }

  /// Writes the tables anew after every trial. Returns false at the first trial that was stopped.
  /// Throws InputError if a directory cannot be made or has a run of other settings.
  [[nodiscard]] bool run();

  /// The trials that failed, as "ssgd-mv, seed 2".
  [[nodiscard]] const std::vector<std::string>& failed() const { return failed_; }

  [[nodiscard]] std::vector<RowResult> rows() { return results_.rows(plan_->trials, *plan_->what); }

 private:
  void tell(const TrialSpec& trial);

  const SweepPlan* plan_;
  RunTrial run_trial_;
  std::ostream* out_;
  Forecast forecast_;
  Results results_;
  std::vector<std::string> failed_;
};

}  // namespace mvsgd::sim
