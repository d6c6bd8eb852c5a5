// A run's directory: config.toml, metrics.jsonl, ledger.csv, checkpoint/ and model.safetensors,
// with `worker_metrics` also worker_metrics.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/layout.hpp"
#include "sim/files/environment.hpp"
#include "sim/files/made_directory.hpp"
#include "sim/run/checkpoint.hpp"
#include "sim/run/metrics.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// Writes a run's files as it goes. When add() returns, the round is in its files. When a
/// checkpoint is on the disk, so are the rounds before it.
class RunDirectory {
 public:
  /// Makes the directory and writes config.toml, whole or not at all. Throws InputError if the
  /// directory is not empty or cannot be written; nothing is left behind then.
  RunDirectory(std::filesystem::path path, const Settings& settings,
               const Environment& environment);

  /// Goes on in the directory of an earlier run of `settings`. Rows and checkpoints newer than the
  /// found checkpoint are cut off. Without a checkpoint the run begins again. Throws
  /// std::runtime_error if it cannot, or if another process holds the directory.
  RunDirectory(std::filesystem::path path, const Settings& settings, const Environment& environment,
               const FoundCheckpoint& found);

  /// Writes the round's rows of ledger.csv, its line of worker_metrics.jsonl if the record has
  /// numbers of each worker, and its line of metrics.jsonl, and returns that line's metrics. Round
  /// 0, which trains nothing, has rows alone. The line of a round whose evaluation is due is kept,
  /// and goes into the next checkpoint. Throws std::runtime_error if they cannot be written.
  std::optional<RoundMetrics> add(const RoundRecord& record, double seconds);

  /// Writes the line that is kept, with the evaluation that was due, and returns its metrics.
  /// Throws std::logic_error if no line is kept.
  RoundMetrics add_evaluation(const Evaluation& evaluation, double seconds);

  /// Writes model.safetensors, then the last line of metrics.jsonl: digest, accuracy, rates, and
  /// sizes and digests of the other files.
  void finish(const TrialResult& result, double seconds);

  /// Saves a checkpoint of the trial. Throws std::runtime_error if it cannot be written.
  void save(const TrialState& state);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Removes the files of a new run that has no rows yet, so that a refused run leaves nothing
  /// behind.
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

 private:
  void begin_rows();
  void write_line(const RoundMetrics& metrics);
  void check_written();
  /// Flushes a file of the run to the disk and returns its size and digest.
  [[nodiscard]] FileDigest synced(const char* name) const;

  std::filesystem::path path_;
  std::optional<MadeDirectory> made_;  ///< none if the run goes on in its directory
  bool has_rows_ = true;               ///< false for a new run without a row yet
  std::optional<DirectoryLock> lock_;  ///< of checkpoint/
  Settings settings_;
  Environment environment_;
  nn::Layout layout_;  ///< assigns a mask's coordinates to layers
  std::ofstream metrics_;
  std::ofstream ledger_;
  std::ofstream workers_;             ///< closed without worker_metrics
  std::optional<RoundMetrics> kept_;  ///< of the last round, while its evaluation is due
};

/// How a finished run ended, for comparisons.
struct FinishedRun {
  Settings settings;
  double accuracy = 0;
};

/// Throws InputError if the directory holds no finished run.
[[nodiscard]] FinishedRun read_finished_run(const std::filesystem::path& path);

/// Whether the directory's run has finished.
[[nodiscard]] bool has_finished(const std::filesystem::path& path);

}  // namespace mvsgd::sim
