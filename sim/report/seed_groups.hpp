// A report's numbers: runs put together by what they share, and the curves that are drawn of them.
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/report/statistics.hpp"
#include "sim/run/run_history.hpp"

namespace mvsgd::sim {

/// Runs whose settings differ in nothing but `seed` and `slots`, which changes no bit.
struct SeedGroup {
  std::string label;             ///< the preset and, where groups share it, keys that part them
  std::vector<RunHistory> runs;  ///< in order of seed
};

/// Groups in the order of their first runs. Throws UsageError naming both if two runs have the same
/// settings and seed: they are no two trials.
[[nodiscard]] std::vector<SeedGroup> seed_groups(std::vector<RunHistory> runs);

/// The metrics that a report has curves of, in the order of their places.
[[nodiscard]] std::vector<Metric> quantities();

/// Throws std::out_of_range if there is none of this name.
[[nodiscard]] Metric quantity(std::string_view name);

/// The places of a curve's point are means over its rounds and runs.
struct CurvePoint {
  double round = 0;
  double epoch = 0;
  double bits = 0;
  double uplink = 0;
  double seconds = 0;
  Sample value;  ///< over the runs that have come so far
};

/// Mean and deviation over the runs of a group, a point for each round that has the quantity; of
/// more than 200, neighbours are averaged run by run first.
[[nodiscard]] std::vector<CurvePoint> curve(const SeedGroup& group, const Metric& quantity);

/// The last evaluated mask of the group's runs: of each layer the mean share of its coordinates
/// that is kept. Empty if no run has one.
struct KeptShare {
  std::string layer;
  double share = 0;
};
[[nodiscard]] std::vector<KeptShare> kept_shares(const SeedGroup& group);

/// A cell of a CSV row, in quotes where it needs them.
[[nodiscard]] std::string csv_cell(const std::string& text);

/// Everything that is drawn, before any mean, a number a row:
/// group,seed,round,epoch,bits,seconds,quantity,value. Quantities are those of quantities(), a
/// kept_by_layer/LAYER for each layer after an evaluation, and of the whole run, in its last round,
/// bits_DIRECTION/FIELD and the four rates.
void write_csv(std::ostream& out, std::span<const SeedGroup> groups);

}  // namespace mvsgd::sim
