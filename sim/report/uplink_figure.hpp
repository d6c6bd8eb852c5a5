// The figure of accuracy against bits sent up: its points, as runs or a CSV file have them, and its
// drawing, a picture that stands alone.
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
  double accuracy = 0;  ///< of the test set, 0 to 1, the mean likewise
};

struct UplinkCurve {
  std::string label;
  std::vector<UplinkPoint> points;
};

/// A curve for each group that has an evaluated round after which anything has been sent up; plain
/// SGD on one machine has none.
[[nodiscard]] std::vector<UplinkCurve> uplink_curves(std::span<const SeedGroup> groups);

/// A point a row: label,epoch,bits_up,accuracy. read_points() gives the same curves back.
void write_points(std::ostream& out, std::span<const UplinkCurve> curves);

/// Throws InputError naming file and line if the file is not what write_points() writes.
[[nodiscard]] std::vector<UplinkCurve> read_points(const std::filesystem::path& path);

/// The figure as an SVG document with a background of its own, light or dark as the reader's
/// settings ask, so that it can be read on any page. Throws InputError if there is no curve, else
/// as run_gnuplot().
[[nodiscard]] std::string draw_uplink_figure(std::span<const UplinkCurve> curves);

}  // namespace mvsgd::sim
