// The metrics of a round, in one table. It determines how metrics.jsonl is written and read;
// reports and event files use it, too. A new metric is a member of RoundMetrics, its value in
// metrics_of(), and a row.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "comm/bits.hpp"
#include "nn/layout.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/law/account.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/phases.hpp"
#include "sim/round/server.hpp"
#include "sim/run/layer_share.hpp"

namespace mvsgd::sim {

/// A line of metrics.jsonl (sim/run/README.md has the fields).
struct RoundMetrics {
  std::uint32_t round = 0;
  std::optional<std::uint32_t> rounds;  ///< condensed runs: how many rounds are summed up
  double epoch = 0;                     ///< at the round's end
  std::uint64_t local_steps = 0;
  bool dense = false;  ///< model differences are sent whole, or nothing is sent
  double learning_rate = 0;
  double loss = 0;  ///< mean over workers and local steps
  std::uint64_t images = 0;
  comm::Bits bits_up;  ///< all fields, all workers
  comm::Bits bits_down;
  std::optional<std::uint64_t> bits_across;  ///< none where workers send to the server alone
  std::optional<std::uint32_t> union_size;
  std::vector<std::uint32_t> changes;  ///< with rows of each worker; else empty
  /// Without rows of each worker: how many workers have each size of a change, by size.
  std::map<std::uint32_t, std::uint32_t> change_counts;
  std::optional<double> mask_overlap;
  std::optional<double> vote_overlap;
  std::optional<double> vote_agreement;
  std::vector<LayerShare> kept;      ///< of an evaluated sparse round; else empty
  std::optional<double> mask_age;    ///< with mask_metrics, in sparse rounds
  std::vector<LayerShare> in_masks;  ///< with mask_metrics, in evaluated sparse rounds; else empty
  std::optional<double> test_loss;
  std::optional<double> test_accuracy;
  std::string theta_sha256;  ///< of the evaluated parameters; "" without an evaluation
  double seconds = 0;        ///< since the run's start
  Phases phases;
  /// Condensed runs: the means over the line's rounds of metrics that are otherwise those of its
  /// last round, by their names.
  std::map<std::string, double> means;
};

/// The metrics of a round from round 1 on (round 0 trains nothing). `layout` assigns the mask's
/// coordinates to layers. `rows` says whether there are numbers of each worker.
[[nodiscard]] RoundMetrics metrics_of(const RoundRecord& record, const nn::Layout& layout,
                                      double seconds, LedgerRows rows = LedgerRows::worker);

/// The last line of a finished run.
struct RunEnd {
  std::string digest;
  std::optional<double> test_loss;  ///< none if it was not finite
  double test_accuracy = 0;
  Rates rates;
  double seconds = 0;
  Phases phases;
  /// Size and digest of the run's other files and of the lines before this one, by name. Empty for
  /// an older run.
  std::map<std::string, FileDigest> files;
};

/// The four rates, by their names in files.
inline constexpr std::pair<std::string_view, std::optional<double> Rates::*> kRates[] = {
    {"rate_uplink", &Rates::uplink},
    {"rate_both_ways", &Rates::both_ways},
    {"rate_run_uplink", &Rates::run_uplink},
    {"rate_run_both_ways", &Rates::run_both_ways}};

/// The horizontal axes against which a report draws a metric.
enum class Drawn : std::uint8_t { nowhere, by_epoch, by_epoch_bits_and_seconds };

/// How a metric is shown.
struct Metric {
  std::string_view name{};                                     ///< in metrics.jsonl
  std::optional<double> (*of)(const RoundMetrics&) = nullptr;  ///< null unless one number
  std::string_view tag{};                                      ///< in event files; empty: left out
  int place = 0;             ///< among a report's quantities, from 1; 0: left out
  std::string_view title{};  ///< in a report
  Drawn drawn = Drawn::nowhere;
  bool is_share = false;     ///< shown as a percentage
  bool is_averaged = false;  ///< condensed runs have its mean over rounds
};

/// Every metric, in the order of a line's members.
[[nodiscard]] std::span<const Metric> metrics();

/// What a line says of the rounds that it stands for: the mean over them if it has one, else the
/// metric's own number. None if it has neither.
[[nodiscard]] std::optional<double> mean_of(const RoundMetrics& line, const Metric& metric);

/// Lines of metrics.jsonl, without the line end.
[[nodiscard]] std::string line_of(const RoundMetrics& metrics);
[[nodiscard]] std::string line_of(const RunEnd& end);

/// Reads a line. `layers` are the network's layers, whose `kept` is filled in. Throws a
/// std::exception with a reason if the line is neither.
[[nodiscard]] std::variant<RoundMetrics, RunEnd> parse_line(std::string_view text,
                                                            const std::vector<LayerShare>& layers);

}  // namespace mvsgd::sim
