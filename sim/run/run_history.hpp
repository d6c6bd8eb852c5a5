// A run as its directory tells it, finished or still going: what reports are made of.
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

namespace mvsgd::sim {

/// A round that has ended, or several, where the run is condensed.
struct RoundHistory : RoundMetrics {
  comm::Bits bits;    ///< both ways, of this round and all before it, the initial model too
  comm::Bits uplink;  ///< what the workers have sent till then in rounds that are the scheme's own:
                      ///< the dense rounds of a sparse scheme's warm-up are not
};

struct RunHistory {
  std::filesystem::path path;
  Settings settings;
  std::string whose_bits;  ///< whose bits the parameters are; "" if an older program did not tell
  std::uint32_t planned_rounds = 0;
  std::vector<RoundHistory> rounds;                ///< in order, none left out
  comm::ByDirection<comm::FieldBits> bits;         ///< of these rounds and round 0
  comm::ByDirection<comm::FieldBits> sparse_bits;  ///< of rounds that are not dense
  std::uint64_t sparse_steps = 0;                  ///< local steps of a worker in these
  std::optional<RunEnd> end;                       ///< none: the run goes on, or has been cut off

  [[nodiscard]] std::uint32_t last_round() const {
    return rounds.empty() ? 0 : rounds.back().round;
  }
};

/// Reads config.toml, metrics.jsonl and ledger.csv. The run may be condensed (sim/run/README.md). A
/// last line without its end, as a running program may have written it, is passed over, and so are
/// ledger rows of rounds that metrics.jsonl does not have yet. Throws InputError naming file and
/// line if anything else is not what a run writes.
[[nodiscard]] RunHistory read_run_history(const std::filesystem::path& path);

/// The same with all whole rows of ledger.csv, those of rounds that metrics.jsonl does not have yet
/// too.
struct RunWithRows {
  RunHistory history;
  std::vector<comm::LedgerRow> rows;
};
[[nodiscard]] RunWithRows read_run_with_rows(const std::filesystem::path& path);

}  // namespace mvsgd::sim
