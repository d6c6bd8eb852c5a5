// A run of training in its directory, with its checkpoints. `train` and `reproduce` call it.
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
#include "sim/train/memory.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// Which messages are written to files as they cross.
struct DumpOptions {
  std::filesystem::path directory;
  std::vector<std::uint32_t> rounds;  ///< 0: the initial model
};

struct TrainingOptions {
  bool resume = false;  ///< goes on with the directory's run
  bool events = false;  ///< writes an event file for TensorBoard, as a run that has one always does
  std::optional<DumpOptions> dump = std::nullopt;
  comm::Processes* processes = nullptr;  ///< that share the run, this one the first; null: alone
};

/// What is known once the directory is open, before the first round begins.
struct TrainingStart {
  const data::TrainTest& images;
  const std::vector<Round>& rounds;
  const MemoryEstimate& memory;
  const TrialState& state;  ///< where training starts; t = 0 unless there is a checkpoint
};

/// What a run calls to report itself and to ask whether to stop. Each may be empty.
struct TrainingSinks {
  std::function<void(std::string_view)> warn;  ///< what may be wrong though the run goes on
  std::function<void(const TrainingStart&)> on_start;
  /// As TrialSinks::on_round. `seconds` is the run's wall time so far, with its earlier parts.
  std::function<void(const RoundRecord&, double seconds)> on_round;
  /// As TrialSinks::on_evaluation.
  std::function<void(const Round&, const Evaluation&)> on_evaluation;
  /// Whether the run is to stop. If so, the running round or evaluation is given up. Called at any
  /// moment, by one thread at a time, for the first time before the first round.
  std::function<bool()> interrupted;
};

struct TrainingEnd {
  TrialResult result;      ///< if not finished, it was interrupted after a checkpoint
  std::uint32_t t = 0;     ///< rounds done
  std::size_t rounds = 0;  ///< rounds in all
  std::uint64_t steps_per_epoch = 0;
  double seconds = 0;  ///< the run's wall time, with its earlier parts
};

/// Trains a run in `directory` to its last round, from its first or, if it is resumed, from its
/// newest checkpoint. It reads the images, writes the run's files as it goes, and saves a
/// checkpoint every `checkpoint_every`, before the last round, and on an interrupt, which ends the
/// run. Before the end of round 1 there is nothing to save.
///
/// A resumed run without a checkpoint begins again. The function warns of a damaged checkpoint, of
/// a program that is not the checkpoint's, of another processor or library unless the bits are
/// portable, and of rounds to dump that this run does not run.
///
/// Of several processes the first calls it, and the others train_share() (shared_run.hpp): what a
/// run writes is the same, and a run may go on with another number of them.
///
/// Throws what load_images(), agree(), find_checkpoint(), first_state() and RunDirectory throw, and
/// nn::UnavailableError if there is less memory than the run needs, before anything is written;
/// afterwards what run_trial() throws, and std::runtime_error if a file cannot be written or memory
/// runs out. Where memory is scarce the function warns.
[[nodiscard]] TrainingEnd train_in(const std::filesystem::path& directory, const Settings& settings,
                                   const TrainingOptions& options, const TrainingSinks& sinks,
                                   const LawConstants& law = {});

}  // namespace mvsgd::sim
