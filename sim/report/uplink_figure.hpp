// The figure of accuracy against bits sent up: its points, from runs or from a CSV file, and its
// drawing as a self-contained picture.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "sim/report/seed_groups.hpp"

namespace mvsgd::sim {

/// An evaluated round.
struct UplinkPoint {
  double epoch = 0;
  double bits = 0;      ///< RoundHistory::uplink, the mean over the runs of a group
  double accuracy = 0;  ///< on the test set, 0 to 1, the mean over the runs
};

struct UplinkCurve {
  std::string label;
  std::vector<UplinkPoint> points;
};

/// One curve for each group with an evaluated round by whose end bits were sent up. Plain SGD on
/// one machine has none.
[[nodiscard]] std::vector<UplinkCurve> uplink_curves(std::span<const SeedGroup> groups);

/// Writes one point a row: label,epoch,bits_up,accuracy. read_points() returns the same curves.
void write_points(std::ostream& out, std::span<const UplinkCurve> curves);

/// Throws InputError naming file and line if the file is not what write_points() writes.
[[nodiscard]] std::vector<UplinkCurve> read_points(const std::filesystem::path& path);

/// The figure as an SVG document. Its own background is light or dark as the reader's settings ask,
/// so that it can be read on any page. Throws InputError if there is no curve; otherwise throws as
/// run_gnuplot() does.
[[nodiscard]] std::string draw_uplink_figure(std::span<const UplinkCurve> curves);

}  // namespace mvsgd::sim
