// A finished run without its single rounds: what its curves, its table row and its audit need.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/bundle.hpp"
#include "sim/law/round_sizes.hpp"
#include "sim/run/run_history.hpp"

namespace mvsgd::sim {

/// config.toml, metrics.jsonl, ledger.csv and sizes.csv of the directory's run, condensed. A line
/// of metrics.jsonl stands for the rounds since the line before it, up to an evaluation or the end
/// of the warm-up. A row of ledger.csv is a sum over the warm-up, or over the rounds after it. The
/// last line of metrics.jsonl has the digests of ledger.csv, of sizes.csv and of the lines before
/// it.
///
/// Throws InputError if the run has not ended, or as read_run_history() does.
[[nodiscard]] data::TextFiles condensed(const std::filesystem::path& run);

/// The file of sizes, which no whole run has.
inline constexpr const char* kSizes = "sizes.csv";

/// The names of the files that condensed() gives.
inline constexpr std::string_view kCondensedFiles[] = {"config.toml", "metrics.jsonl", "ledger.csv",
                                                       kSizes};

/// Whether a line of the run stands for several rounds.
[[nodiscard]] bool is_condensed(const RunHistory& run);

/// The lines of the run's rounds as condensed() has them, also of a run that goes on or is
/// condensed already.
[[nodiscard]] std::vector<RoundMetrics> condensed_lines(const RunHistory& run);

/// The sizes that the rounds of a run decided. Those of a round stand until the next entry. With
/// `ledger_rows = round` the workers' changes are in increasing order.
using SizesFromRound = std::map<std::uint32_t, RoundSizes>;

/// Reads sizes.csv. Throws InputError naming file and line if it is not what condensed() writes.
[[nodiscard]] SizesFromRound read_sizes(const std::filesystem::path& path);

}  // namespace mvsgd::sim
