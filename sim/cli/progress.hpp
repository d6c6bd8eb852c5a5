// What a person sees while a run goes on and when it has ended.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "sim/run/run_directory.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// A bar that is redrawn on a terminal, no wider than it; elsewhere a plain line now and then, and
/// always one for an evaluation. Both have round, loss, images/s, bits and the time left.
class Progress {
 public:
  /// `columns` of the terminal behind `out`, 0 if it is none; `begun` is the state that the run
  /// goes on from. `every_round`: a plain line each.
  Progress(std::ostream& out, std::size_t columns, const std::vector<Round>& rounds,
           const TrialState& begun, bool every_round = false);

  /// A bar that is there is left: what comes next begins a line.
  ~Progress() { leave_bar(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `seconds` that the run has taken, what it had when it was interrupted included.
  void add(const RoundRecord& record, double seconds);
  /// An evaluation of a round that was told of without.
  void add(const Round& round, const Evaluation& evaluation);

  /// Ends the bar's line, if there is a bar.
  void leave_bar();

 private:
  [[nodiscard]] std::string line(const RoundRecord& record, double seconds) const;

  std::ostream* out_;
  std::size_t columns_;
  bool every_round_;
  bool bar_is_there_ = false;
  std::uint64_t total_steps_;
  std::size_t total_rounds_;
  double earlier_;            ///< seconds that the run had taken before construction
  double last_line_ = -1e9;   ///< when the last plain line was printed, in seconds
  std::uint64_t images_ = 0;  ///< since construction
  comm::ByDirection<comm::Bits> bits_;
};

/// What the bits of such a run are held against: "eqs 13-15", or "the law of its codec" with
/// another code than the paper's.
[[nodiscard]] std::string_view name_of_law(const Settings& settings);

/// The end of a run: accuracy, the four rates, bits against the equations, the digest; beside
/// `baseline`, if there is one, and why a short run lags behind it.
void print_summary(std::ostream& out, const Settings& settings, const TrialResult& result,
                   std::uint64_t steps_per_epoch, double seconds,
                   const std::optional<FinishedRun>& baseline);

}  // namespace mvsgd::sim
