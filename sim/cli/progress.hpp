// What the user sees while a run goes on.
#pragma once

#include <iosfwd>
#include <string>

#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// On a terminal, a bar that is redrawn and no wider than the terminal. Elsewhere, a plain line now
/// and then, and one for every evaluation. Both show round, loss, images/s, bits and the time left.
class Progress {
 public:
  /// `columns` is the width of the terminal behind `out`, 0 if `out` is none. `begun` is the state
  /// from which the run goes on. With `every_round`, each round gets a plain line.
  Progress(std::ostream& out, std::size_t columns, const std::vector<Round>& rounds,
           const TrialState& begun, bool every_round = false);

  /// Leaves the bar as it is and begins a new line.
  ~Progress() { leave_bar(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `seconds` is the run's wall time so far, with the parts before an interrupt.
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
  double earlier_;            ///< the run's wall time before construction
  double last_line_ = -1e9;   ///< when the last plain line was printed, in seconds
  std::uint64_t images_ = 0;  ///< since construction
  comm::ByDirection<comm::Bits> bits_;
};

}  // namespace mvsgd::sim
