// A reproduction at work: its trials one after the other, and how long the rest will take.
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

/// How long trials take, better known with every one that has ended.
class Forecast {
 public:
  /// Seconds until all of them are finished.
  [[nodiscard]] double seconds(std::span<const TrialSpec> trials);

  void ended(const TrialSpec& trial, double seconds);

 private:
  Estimate estimate_;
  double estimated_ = 0;  ///< of the trials that have ended
  double taken_ = 0;      ///< by them
};

/// How a trial has ended.
enum class TrialEnd : std::uint8_t {
  finished,
  failed,   ///< by itself: the others can go on
  stopped,  ///< by what stops the others too: an interrupt, a wrong count of bits, bad input
};

/// Trains a trial in its directory; `resume`: the directory has a part of it, which goes on.
using RunTrial = std::function<TrialEnd(const TrialSpec& trial, bool resume)>;

/// Runs what of a plan is not finished. A trial that another process is at is left to it.
class Sweep {
 public:
  /// `plan` and `out`, where it tells of each trial, must outlive it.
  Sweep(const SweepPlan& plan, RunTrial run_trial, std::ostream& out)
      : plan_(&plan), run_trial_(std::move(run_trial)), out_(&out) {}

  [[nodiscard]] std::size_t finished() const;  ///< trials of the plan

  /// Until all trials are finished.
  [[nodiscard]] double seconds() { return forecast_.seconds(plan_->trials); }

  /// Writes the tables anew after every trial. Returns false at the first trial that was stopped.
  /// Throws InputError if a directory cannot be made, or has a run of other settings.
  [[nodiscard]] bool run();

  /// The trials that failed, "ssgd-mv, seed 2".
  [[nodiscard]] const std::vector<std::string>& failed() const { return failed_; }

  [[nodiscard]] std::vector<RowResult> rows() { return results_.rows(plan_->trials); }

 private:
  void tell(const TrialSpec& trial);

  const SweepPlan* plan_;
  RunTrial run_trial_;
  std::ostream* out_;
  Forecast forecast_;
  Results results_;
  std::vector<std::string> failed_;
};

/// Throws InputError if it cannot be made.
void make_directory(const std::filesystem::path& path);

}  // namespace mvsgd::sim
