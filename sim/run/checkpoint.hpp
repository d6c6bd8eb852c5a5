// Checkpoints: a trial's state in its run's directory, from which it goes on whatever has ended it.
//
//     RUN_DIR/checkpoint/round-00000050/arrays.safetensors   parameters, error memories, votes, ...
//                                       progress.json        totals, the last evaluation, the time
//                                       manifest.json        what must be there, and its SHA-256
//
// sim/run/README.md has what each holds. A checkpoint is made under a temporary name, is on the
// disk before it gets its own, and the last two stay: whenever a run ends, a whole one is there.
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

/// The files that a run adds rows to.
inline constexpr std::array<const char*, 2> kRowFiles{"ledger.csv", "metrics.jsonl"};

/// What a run's files of rows have when a checkpoint is made, by name.
using RunFiles = std::map<std::string, FileDigest>;

struct Checkpoint {
  TrialState state;
  RunFiles rows;
  Environment environment;                          ///< where it was made
  std::optional<RoundMetrics> kept = std::nullopt;  ///< as CheckpointContext has it
};

/// What of a checkpoint is not in the state.
struct CheckpointContext {
  const Settings& settings;
  const Environment& environment;
  const RunFiles& rows;
  const std::optional<RoundMetrics>& kept;  ///< of a round whose evaluation is due: not in the rows
};

/// Makes a checkpoint of `state` in `run`'s folder checkpoint, which must be there, and removes all
/// but the last two. Throws std::runtime_error with path and reason if it cannot be written; the
/// earlier ones are untouched then.
///
/// Memory: what the state has is written from where it is. Cost: the state's bytes hashed, written
/// and waited for, 4 (N + 1) d and a few.
void save_checkpoint(const std::filesystem::path& run, const TrialState& state,
                     const CheckpointContext& context);

struct FoundCheckpoint {
  std::optional<Checkpoint> newest;  ///< the newest that is whole; none if none was ever made
  std::vector<std::string> damaged;  ///< newer ones, each with what is wrong
};

/// Reads the newest whole checkpoint of a run that leaves a round to do, for a trial of `settings`
/// with `rounds` rounds.
///
/// A checkpoint that is truncated or altered, or whose rows are no longer in the run's files, is
/// damaged, and the one before it is taken. Throws InputError, naming what differs, if the folder
/// is missing, all are damaged or too late, or the newest readable manifest is of another format or
/// version or of other settings (`rounds` may differ, and what changes no bit: slots,
/// instruction_set, checkpoint_every, deadline, and threads_per_worker with most backends).
[[nodiscard]] FoundCheckpoint find_checkpoint(const std::filesystem::path& run,
                                              const Settings& settings, std::size_t rounds);

/// What is wrong with each checkpoint of a run, by round; "" if it is whole, of these settings, and
/// its rows are in the run's files. None if there is no folder.
[[nodiscard]] std::map<std::uint32_t, std::string> check_checkpoints(
    const std::filesystem::path& run, const Settings& settings);

/// Removes the checkpoints after round `t` and what unfinished ones have left.
void remove_checkpoints_after(const std::filesystem::path& run, std::uint32_t t);

}  // namespace mvsgd::sim
