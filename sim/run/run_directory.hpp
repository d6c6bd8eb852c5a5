// A run's directory: config.toml, metrics.jsonl, ledger.csv, checkpoint/ and model.safetensors.
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
#include "sim/run/checkpoint.hpp"
#include "sim/run/metrics.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// Writes a run's files as it goes. Each round is in its files when add() returns, and on the disk
/// when a checkpoint is.
class RunDirectory {
 public:
  /// Makes the directory and writes config.toml, whole or not at all. Throws InputError if the
  /// directory holds anything already or cannot be written; nothing is left behind then.
  RunDirectory(std::filesystem::path path, const Settings& settings,
               const Environment& environment);

  /// Goes on in the directory of an earlier run of `settings`. What is past the checkpoint, rows
  /// and newer checkpoints, is cut off; without one the run begins again. Throws std::runtime_error
  /// if it cannot, or if another process is at work there.
  RunDirectory(std::filesystem::path path, const Settings& settings, const Environment& environment,
               const FoundCheckpoint& found);

  /// Writes the round's rows of ledger.csv and its line of metrics.jsonl, and returns what the line
  /// has; round 0, which trains nothing, has rows alone. The line of a round whose evaluation is
  /// due is kept, and goes into the next checkpoint. Throws std::runtime_error if they cannot be
  /// written.
  std::optional<RoundMetrics> add(const RoundRecord& record, double seconds);

  /// Writes the line that is kept, with the evaluation that was due, and returns what it has.
  /// Throws std::logic_error if there is none.
  RoundMetrics add_evaluation(const Evaluation& evaluation, double seconds);

  /// model.safetensors, then the last line of metrics.jsonl: digest, accuracy, rates, and what the
  /// three files have by then.
  void finish(const TrialResult& result, double seconds);

  /// A checkpoint of the trial. Throws std::runtime_error if it cannot be written.
  void save(const TrialState& state);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Removes what is there of a new run that has not come to a first row: what refused it leaves
  /// nothing behind.
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

 private:
  void begin_rows();
  void write_line(const RoundMetrics& metrics);
  void check_written();
  /// What a file of the run has, all of it on the disk.
  [[nodiscard]] FileDigest synced(const char* name) const;

  std::filesystem::path path_;
  bool existed_ = true;                ///< before this run
  bool has_rows_ = true;               ///< false: of a new run, none yet
  std::optional<DirectoryLock> lock_;  ///< of checkpoint/
  Settings settings_;
  Environment environment_;
  nn::Layout layout_;  ///< which layer a coordinate of a mask is of
  std::ofstream metrics_;
  std::ofstream ledger_;
  std::optional<RoundMetrics> kept_;  ///< of the last round, while its evaluation is due
};

/// The end of a finished run, for comparisons.
struct FinishedRun {
  Settings settings;
  double accuracy = 0;
};

/// Throws InputError if the directory holds no finished run.
[[nodiscard]] FinishedRun read_finished_run(const std::filesystem::path& path);

/// Whether the run in the directory has ended as it should.
[[nodiscard]] bool has_finished(const std::filesystem::path& path);

}  // namespace mvsgd::sim
