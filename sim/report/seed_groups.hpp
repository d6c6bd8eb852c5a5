// A report's numbers: runs grouped by their common settings, and the curves drawn from them.
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/report/statistics.hpp"
#include "sim/run/run_history.hpp"

namespace mvsgd::sim {

/// Runs whose settings differ only in `seed` and in keys that change no bit.
struct SeedGroup {
  std::string label;             ///< the preset, and keys that distinguish groups of the same one
  std::vector<RunHistory> runs;  ///< in order of seed
};

/// Groups in the order of their first runs. Throws UsageError naming both runs if two have the same
/// settings and seed: they are not two trials.
[[nodiscard]] std::vector<SeedGroup> seed_groups(std::vector<RunHistory> runs);

/// The metrics of which a report has curves, in the order of their places.
[[nodiscard]] std::vector<Metric> quantities();

/// Throws std::out_of_range if no quantity has this name.
[[nodiscard]] Metric quantity(std::string_view name);

/// A point of a curve. Its coordinates are means over its rounds and runs.
struct CurvePoint {
  double round = 0;
  double epoch = 0;
  double bits = 0;
  double uplink = 0;
  double seconds = 0;
  Sample value;                                     ///< over the runs that have reached this round
  std::optional<std::pair<double, double>> ends{};  ///< by worker: the least and the largest number
};

/// Mean and deviation over the runs of a group, one point for each round that has the quantity. If
/// there are more than 200 rounds, neighbours are first averaged within each run.
[[nodiscard]] std::vector<CurvePoint> curve(const SeedGroup& group, const Metric& quantity);

/// A number that each worker has in evaluated rounds: its mean over workers and runs, and its ends
/// over both. Empty if the runs have no worker_metrics.jsonl, or not this number.
[[nodiscard]] std::vector<CurvePoint> curve_of_workers(const SeedGroup& group,
                                                       const WorkerMetric& quantity);

/// The share of each mask that was chosen among more coordinates with as many votes, in evaluated
/// rounds. Empty if the runs have no worker_metrics.jsonl, or no ties.
[[nodiscard]] std::vector<CurvePoint> curve_of_ties(const SeedGroup& group);
inline constexpr std::string_view kTied = "tied";  ///< in files

/// A share of a layer's coordinates, as the mean over the group's runs that have it.
struct KeptShare {
  std::string layer;
  double share = 0;
};

/// Of each layer, what the last evaluated mask has.
[[nodiscard]] std::vector<KeptShare> kept_shares(const SeedGroup& group);

/// Of each layer, what any mask has had since the last dense round, at the last evaluation. Empty
/// without mask_metrics.
[[nodiscard]] std::vector<KeptShare> in_masks_shares(const SeedGroup& group);

/// A cell of a CSV row, quoted if necessary.
[[nodiscard]] std::string csv_cell(const std::string& text);

/// Writes everything that is drawn, before any mean, one number a row:
/// group,seed,round,epoch,bits,seconds,quantity,value. The quantities are those of quantities(); a
/// kept_by_layer/LAYER and, of runs with mask_metrics, in_masks_by_layer/LAYER for each layer after
/// an evaluation; what worker_metrics.jsonl has, as QUANTITY/worker-N and `tied`; and, in a run's
/// last round, bits_DIRECTION/FIELD and the four rates of the whole run.
void write_csv(std::ostream& out, std::span<const SeedGroup> groups);

}  // namespace mvsgd::sim
