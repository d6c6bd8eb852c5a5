// A run's directory: config.toml, metrics.jsonl and ledger.csv.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/layout.hpp"
#include "sim/trial.hpp"

namespace mvsgd::sim {

/// Writes a run's files as it goes. Each round is on disk when add() returns.
class RunDirectory {
 public:
  /// Makes the directory and writes config.toml, whole or not at all. Throws InputError if the
  /// directory holds anything already or cannot be written; nothing is left behind then.
  RunDirectory(std::filesystem::path path, const Settings& settings,
               const std::vector<std::pair<std::string, std::string>>& environment);

  /// One line of metrics.jsonl and the round's rows of ledger.csv. Throws std::runtime_error if
  /// they cannot be written.
  void add(const TrialRound& round, double seconds);

  /// The last line of metrics.jsonl: digest, accuracy, rates.
  void finish(const TrialResult& result, double seconds);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  void check_written();

  std::filesystem::path path_;
  nn::Layout layout_;  ///< which layer a coordinate of a mask is of
  std::ofstream metrics_;
  std::ofstream ledger_;
};

/// The end of a finished run, for comparisons.
struct FinishedRun {
  Settings settings;
  double accuracy = 0;
};

/// Throws InputError if the directory holds no finished run.
[[nodiscard]] FinishedRun read_finished_run(const std::filesystem::path& path);

/// The rows of a ledger.csv. Throws InputError naming file and line if one is not a row.
[[nodiscard]] std::vector<comm::LedgerRow> read_ledger(const std::filesystem::path& path);

/// The same from a stream, which messages call `name`.
[[nodiscard]] std::vector<comm::LedgerRow> read_ledger(std::istream& in, const std::string& name);

}  // namespace mvsgd::sim
