// Checkpoints: a trial's state in its run's directory. The run goes on from it, whatever ended it.
//
//     RUN_DIR/checkpoint/round-00000050/arrays.safetensors   parameters, error memories, votes, ...
//                                       progress.json        totals, the last evaluation, the time
//                                       manifest.json        what must be there, and its SHA-256
//
// sim/run/README.md says what each file holds. A checkpoint is made under a temporary name and is
// on the disk before it gets its own. The last two stay. So whenever a run ends, a whole one is
// there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/files/durable_file.hpp"
#include "sim/files/environment.hpp"
#include "sim/run/metrics.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// The files to which any run adds rows.
inline constexpr std::array<const char*, 2> kRowFiles{"ledger.csv", "metrics.jsonl"};
/// One more with `worker_metrics`.
inline constexpr const char* kWorkerMetrics = "worker_metrics.jsonl";
[[nodiscard]] std::vector<const char*> row_files(const Settings& settings);

/// Size and digest of a run's row files when a checkpoint is made, by name.
using RunFiles = std::map<std::string, FileDigest>;

struct Checkpoint {
  TrialState state;
  RunFiles rows;
  Environment environment;                          ///< of the program that made it
  std::optional<RoundMetrics> kept = std::nullopt;  ///< as in CheckpointContext
};

/// The parts of a checkpoint that are not in the state.
struct CheckpointContext {
  const Settings& settings;
  const Environment& environment;
  const RunFiles& rows;
  const std::optional<RoundMetrics>& kept;  ///< of a round whose evaluation is due: not in the rows
};

/// Makes a checkpoint of `state` in `run`'s folder checkpoint, which must exist, and removes all
/// but the last two. Throws std::runtime_error with path and reason if it cannot be written;
/// earlier checkpoints are then untouched.
///
/// Memory: the state's arrays are written without a copy. Cost: hashing, writing and syncing the
/// state's bytes, 4 (N + 1) d and a few.
void save_checkpoint(const std::filesystem::path& run, const TrialState& state,
                     const CheckpointContext& context);

struct FoundCheckpoint {
  std::optional<Checkpoint> newest;  ///< the newest whole one; none if none was ever made
  std::vector<std::string> damaged;  ///< newer ones, each with its fault
};

/// Reads the newest whole checkpoint of a run that leaves a round to do, for a trial of `settings`
/// with `rounds` rounds.
///
/// A checkpoint that is truncated or altered, or whose rows are no longer in the run's files, is
/// damaged, and the one before it is taken. Throws InputError naming what differs if the folder is
/// missing, if all checkpoints are damaged or too late, or if the newest readable manifest has
/// another format or version or other settings. Settings that may differ are `rounds` and those
/// that change no bit: slots, instruction_set, checkpoint_every, deadline, and threads_per_worker
/// with most backends.
[[nodiscard]] FoundCheckpoint find_checkpoint(const std::filesystem::path& run,
                                              const Settings& settings, std::size_t rounds);

/// What is wrong with each checkpoint of a run, by round. "" if the checkpoint is whole, has these
/// settings, and its rows are in the run's files. Empty if there is no folder.
[[nodiscard]] std::map<std::uint32_t, std::string> check_checkpoints(
    const std::filesystem::path& run, const Settings& settings);

/// Removes the checkpoints after round `t` and the remains of unfinished ones.
void remove_checkpoints_after(const std::filesystem::path& run, std::uint32_t t);

}  // namespace mvsgd::sim
