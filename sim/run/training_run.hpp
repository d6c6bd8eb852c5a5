// A run of training in its directory, with its checkpoints: what `train` and `reproduce` call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "comm/processes.hpp"
#include "data/dataset.hpp"
#include "sim/law/law.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// Messages that are written as they cross.
struct DumpOptions {
  std::filesystem::path directory;
  std::vector<std::uint32_t> rounds;  ///< 0: the initial model
};

struct TrainingOptions {
  bool resume = false;  ///< the directory has a run, which goes on
  bool events = false;  ///< an event file for TensorBoard; a run that has one goes on with one
  std::optional<DumpOptions> dump = std::nullopt;
  comm::Processes* processes = nullptr;  ///< that share the run, this one the first; null: alone
};

/// What is known when the directory is open and the first round is not yet begun.
struct TrainingStart {
  const data::TrainTest& images;
  const std::vector<Round>& rounds;
  const TrialState& state;  ///< from which it trains; t = 0 unless there is a checkpoint
};

/// Where a run tells of itself, and what it asks. Each may be empty.
struct TrainingSinks {
  std::function<void(std::string_view)> warn;  ///< what may be wrong though the run goes on
  std::function<void(const TrainingStart&)> on_start;
  /// As TrialSinks::on_round; `seconds` that the run has taken, earlier parts of it included.
  std::function<void(const RoundRecord&, double seconds)> on_round;
  /// As TrialSinks::on_evaluation.
  std::function<void(const Round&, const Evaluation&)> on_evaluation;
  /// Whether the run is to stop: the round or the evaluation that goes on is given up then. Asked
  /// at any moment, by one thread at a time; for the first time before the first round.
  std::function<bool()> interrupted;
};

struct TrainingEnd {
  TrialResult result;      ///< not finished: it was interrupted, after a checkpoint
  std::uint32_t t = 0;     ///< rounds that are done
  std::size_t rounds = 0;  ///< that there are
  std::uint64_t steps_per_epoch = 0;
  double seconds = 0;  ///< that the run has taken, earlier parts of it included
};

/// Trains a run in `directory`, from its first round, or from its newest checkpoint if it is
/// resumed, to its last: reads images, writes the run's files as it goes, saves a checkpoint every
/// `checkpoint_every`, before the last round, and when it is interrupted, which ends it; before the
/// end of round 1 there is nothing to save.
///
/// A resumed run begins again if it has no checkpoint yet. A warning is given of a damaged
/// checkpoint, of a program that is not the checkpoint's, of a processor or library that is not
/// unless the bits are portable, and of rounds to dump that this run does not do.
///
/// Of several processes the first calls it, and the others train_share() (shared_run.hpp): what a
/// run writes is the same, and a run may go on with another number of them.
///
/// Throws, before anything is written, what load_images(), agree(), find_checkpoint(),
/// first_state() and RunDirectory throw; then as run_trial() does, and std::runtime_error if a file
/// cannot be written.
[[nodiscard]] TrainingEnd train_in(const std::filesystem::path& directory, const Settings& settings,
                                   const TrainingOptions& options, const TrainingSinks& sinks,
                                   const LawConstants& law = {});

}  // namespace mvsgd::sim
