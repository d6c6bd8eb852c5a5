// A run as its directory records it, finished or still going. Reports are made from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "comm/ledger.hpp"
#include "comm/message.hpp"
#include "sim/plan/settings.hpp"
#include "sim/run/metrics.hpp"
#include "sim/run/worker_metrics.hpp"

namespace mvsgd::sim {

/// A round that has ended; in a condensed run, several.
struct RoundHistory : RoundMetrics {
  comm::Bits bits;    ///< both ways, of rounds up to this one, with the initial model
  comm::Bits uplink;  ///< the workers' bits so far, without a sparse scheme's dense rounds
};

struct RunHistory {
  std::filesystem::path path;
  Settings settings;
  std::string whose_bits;  ///< which machines give these bits; "" if an older program wrote the run
  std::uint32_t planned_rounds = 0;
  std::vector<RoundHistory> rounds;                ///< in order, without gaps
  std::vector<WorkerMetrics> by_worker;            ///< of worker_metrics.jsonl, if the run has one
  comm::ByDirection<comm::FieldBits> bits;         ///< of these rounds and round 0
  comm::ByDirection<comm::FieldBits> sparse_bits;  ///< of rounds that are not dense
  std::uint64_t sparse_steps = 0;  ///< local steps of all workers in rounds that are not dense
  std::optional<RunEnd> end;       ///< none: the run goes on or was cut off

  [[nodiscard]] std::uint32_t last_round() const {
    return rounds.empty() ? 0 : rounds.back().round;
  }
};

/// Reads config.toml, metrics.jsonl, ledger.csv and, if it is there, worker_metrics.jsonl. The run
/// may be condensed (sim/run/README.md). The function skips an incomplete last line, which a
/// running program may be writing, and ledger rows of rounds that metrics.jsonl does not have yet.
/// Throws InputError naming file and line if anything else is not what a run writes.
[[nodiscard]] RunHistory read_run_history(const std::filesystem::path& path);

/// The same, with all complete rows of ledger.csv, even those of rounds that metrics.jsonl does not
/// have yet.
struct RunWithRows {
  RunHistory history;
  std::vector<comm::LedgerRow> rows;
};
[[nodiscard]] RunWithRows read_run_with_rows(const std::filesystem::path& path);

}  // namespace mvsgd::sim
