#include "sim/report/drawn_plots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "sim/files/temporary_directory.hpp"
#include "sim/report/gnuplot.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::string_view kFrame =
    "reset\n"
    "set border 3 lw 0.7\n"
    "set tics nomirror scale 0.6\n"
    "set grid lw 0.5 lc rgb '#999999' dt 3\n"
    "set tmargin 2.2\n"
    "set bmargin 3.4\n"
    "unset key\n";

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string drawn(const Plot& plot) {
  return fmt::format("set title {}\n{}", gnuplot_string(plot.title), plot.draw);
}

}  // namespace

std::vector<std::string> draw_svg(std::span<const Plot> plots) {
  const TemporaryDirectory directory;
  const auto file = [&](const Plot& plot) { return directory.path() / (plot.name + ".svg"); };
  std::string script;
  for (const Plot& plot : plots) {
    script += fmt::format(
        "{}{}set terminal svg size {},{} font 'sans-serif,12' noenhanced\nset output {}\n{}",
        plot.data, kFrame, plot.width, plot.height, gnuplot_string(file(plot).string()),
        drawn(plot));
  }
  run_gnuplot(script + "set output\n", directory.path());
  std::vector<std::string> documents;
  for (const Plot& plot : plots) documents.push_back(read(file(plot)));
  return documents;
}

std::string draw_page(std::span<const Plot> plots, std::span<const SeedGroup> groups,
                      const std::string& format) {
  constexpr int kColumns = 3;
  int column_width = kPlotWidth;
  for (const Plot& plot : plots) column_width = std::max(column_width, plot.width);
  const int legend = 30 + 18 * static_cast<int>(groups.size());
  // Each plot goes to the top of the column that is the shortest so far.
  std::array<int, kColumns> used;
  used.fill(legend);
  struct Place {
    int x, y;
  };
  std::vector<Place> places;
  for (const Plot& plot : plots) {
    const auto column = std::ranges::min_element(used);
    places.push_back({static_cast<int>(column - used.begin()) * column_width, *column});
    *column += plot.height;
  }
  const int width = kColumns * column_width;
  const int height = *std::ranges::max_element(used);

  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / ("page." + format);
  constexpr double kPixelsPerInch = 96;
  std::string script;
  for (const Plot& plot : plots) script += plot.data;
  script += format == "pdf"
                ? fmt::format("set terminal pdfcairo size {}in,{}in font 'sans,9' noenhanced\n",
                              width / kPixelsPerInch, height / kPixelsPerInch)
                : fmt::format("set terminal pngcairo size {},{} font 'sans,9' noenhanced\n", width,
                              height);
  script += fmt::format("set output {}\nset multiplot\n", gnuplot_string(file.string()));
  const auto put = [&](Place place, int w, int h) {
    script +=
        fmt::format("set size {},{}\nset origin {},{}\n", w / double(width), h / double(height),
                    place.x / double(width), 1 - (place.y + h) / double(height));
  };
  for (std::size_t i = 0; i < plots.size(); ++i) {
    script += kFrame;
    put(places[i], plots[i].width, plots[i].height);
    script += drawn(plots[i]);
  }
  script += "reset\nunset border\nunset tics\nset key at graph 0,1 left top Left reverse\n";
  put({0, 0}, width, legend);
  script += "set xrange [0:1]\nset yrange [0:1]\n";
  std::vector<std::string> names;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    names.push_back(fmt::format("NaN with lines lw 3 dt {} lc rgb '{}' title {}",
                                line_style(g).dash, line_style(g).color,
                                gnuplot_string(groups[g].label)));
  }
  script += plot_command(names) + "unset multiplot\nset output\n";
  run_gnuplot(script, directory.path());
  return read(file);
}

}  // namespace mvsgd::sim
