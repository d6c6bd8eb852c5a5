// The plots of a report, for gnuplot to draw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/report/seed_groups.hpp"

namespace mvsgd::sim {

/// The line style of group i, the same in every plot; another than those of the 23 before it.
struct LineStyle {
  std::string color;              ///< "#0072b2"
  int dash = 0;                   ///< gnuplot's: 1 solid, 2 dashed, 3 dotted, 4 both
  int point = 0;                  ///< gnuplot's type, where there are points alone
  std::string_view border_style;  ///< of CSS, in place of the dash
};
[[nodiscard]] LineStyle line_style(std::size_t group);

/// What a curve's band reaches over.
enum class Band : std::uint8_t {
  none,
  deviation,  ///< one sample standard deviation of the runs to each side of their mean
  workers     ///< from the least worker of all runs to the largest
};

inline constexpr int kPlotWidth = 420;  ///< in pixels: fits a page as narrow as a phone's

/// A plot of a page, or a figure of its own.
struct Plot {
  std::string name;        ///< for file names and anchors
  std::string title;       ///< what it shows
  int width = kPlotWidth;  ///< in pixels, as the height
  int height = 0;
  std::size_t curves = 0;  ///< a line each in a key
  Band band = Band::none;  ///< of its curves, where any has one
  std::string data{};      ///< gnuplot's data blocks
  std::string draw{};      ///< statements that draw them
};

/// Test accuracy and training loss against epoch, total bits and time; agreement of votes and
/// overlap of successive masks and votes; what each worker has of its own, as a band from the least
/// to the largest; the share of masks that ties have chosen; bits by field and direction; by layer,
/// the share kept and that which any mask has had. A plot is left out if no run has a value for it.
/// `network` names the network that the time is for; "" if the time was measured.
[[nodiscard]] std::vector<Plot> report_plots(std::span<const SeedGroup> groups,
                                             std::string_view network = "");

/// Test accuracy against the epoch with a key, from where the curves have settled: a figure of the
/// paper. Every group must have an evaluated round.
[[nodiscard]] Plot accuracy_figure(std::span<const SeedGroup> groups, std::string name,
                                   std::string title);

/// A number against the local steps a round.
struct CurveOfSteps {
  std::string label;
  std::vector<std::pair<double, Sample>> points;  ///< by H, increasing, of which there are two
};

/// The curves from 0 up, with bands of one deviation, on a logarithmic axis of H. There must be
/// one.
[[nodiscard]] Plot local_steps_plot(std::span<const CurveOfSteps> curves, std::string name,
                                    std::string title);

/// Makes the plot wider and higher, for a key of two columns below curves 300 pixels high.
void add_key(Plot& plot);

}  // namespace mvsgd::sim
