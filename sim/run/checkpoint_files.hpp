// The contents of a checkpoint's two files: the arrays of a trial's state, and its numbers.
#pragma once

#include <filesystem>
#include <optional>

#include "sim/files/durable_file.hpp"
#include "sim/run/metrics.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// Writes every array of the state to a safetensors file, which the caller finishes.
void write_arrays(DurableFile& file, const TrialState& state);

/// Reads the arrays into `state`, which has as many workers as the settings. Throws InputError
/// naming file and array if an array is missing or has not the settings' size, if a vote or mask is
/// no set of coordinates, or if what the server kept does not agree with the votes.
void read_arrays(const std::filesystem::path& path, const Settings& settings, TrialState& state);

/// Writes rounds, account, evaluation and times as JSON to a file, which the caller finishes; also
/// the metrics of a round whose evaluation is due.
void write_progress(DurableFile& file, const TrialState& state,
                    const std::optional<RoundMetrics>& kept);

struct CheckpointProgress {
  TrialState state;  ///< without arrays
  std::optional<RoundMetrics> kept;
};
/// Reads what write_progress() wrote. Throws InputError naming file and member if it is something
/// else.
[[nodiscard]] CheckpointProgress read_progress(const std::filesystem::path& path,
                                               const Settings& settings);

}  // namespace mvsgd::sim
