// What is in a checkpoint's two files: the arrays of a trial's state, and its numbers.
#pragma once

#include <filesystem>
#include <optional>

#include "sim/files/durable_file.hpp"
#include "sim/run/metrics.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// Every array of the state as a safetensors file. The caller finishes it.
void write_arrays(DurableFile& file, const TrialState& state);

/// Reads the arrays into `state`, which has as many workers as the settings. Throws InputError,
/// naming file and array, if one is missing or not of the settings' sizes, a vote or mask is no set
/// of coordinates, or what the server kept does not fit the votes.
void read_arrays(const std::filesystem::path& path, const Settings& settings, TrialState& state);

/// Rounds, account, evaluation and times as JSON, and the metrics of a round whose evaluation is
/// due. The caller finishes the file.
void write_progress(DurableFile& file, const TrialState& state,
                    const std::optional<RoundMetrics>& kept);

struct CheckpointProgress {
  TrialState state;  ///< with no arrays yet
  std::optional<RoundMetrics> kept;
};
/// Reads them back. Throws InputError, naming file and member, if it is something else.
[[nodiscard]] CheckpointProgress read_progress(const std::filesystem::path& path,
                                               const Settings& settings);

}  // namespace mvsgd::sim
