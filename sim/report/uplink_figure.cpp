#include "sim/report/uplink_figure.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>

#include "sim/files/input_error.hpp"
#include "sim/files/temporary_directory.hpp"
#include "sim/report/gnuplot.hpp"
#include "sim/report/plots.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::string_view kHeader = "label,epoch,bits_up,accuracy";

// What gnuplot draws in black takes the colour of ink. An image cannot see the page around it, so
// it brings its own background, which always fits the ink.
constexpr std::string_view kPaper = R"(<style>
.paper { fill: #ffffff }
[color=black] { color: #1f2328 }
[stroke=black] { stroke: #1f2328 }
[fill=black] { fill: #1f2328 }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117 }
  [color=black] { color: #e6edf3 }
  [stroke=black] { stroke: #e6edf3 }
  [fill=black] { fill: #e6edf3 }
}
</style>
<rect class="paper" width="100%" height="100%"/>
)";

/// Cuts the part after the last comma off `line`. None if that is no finite number of 0 or more.
std::optional<double> last_number(std::string_view& line) {
  const std::size_t comma = line.rfind(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const std::string_view text = line.substr(comma + 1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(value) || value < 0) return std::nullopt;
  line.remove_suffix(line.size() - comma);
  return value;
}

/// A cell as csv_cell() writes it.
std::optional<std::string> label_of(std::string_view cell) {
  if (!cell.starts_with('"')) {
    if (cell.empty() || cell.find_first_of(",\"") != std::string_view::npos) return std::nullopt;
    return std::string(cell);
  }
  if (cell.size() < 2 || !cell.ends_with('"')) return std::nullopt;
  std::string label;
  for (std::size_t i = 1; i + 1 < cell.size(); ++i) {
    if (cell[i] == '"' && (i + 2 >= cell.size() || cell[++i] != '"')) return std::nullopt;
    label += cell[i];
  }
  return label;
}

bool add_row(std::string_view line, std::vector<UplinkCurve>& curves) {
  const auto accuracy = last_number(line);
  const auto bits = last_number(line);
  const auto epoch = last_number(line);
  if (!accuracy || *accuracy > 1 || !bits || *bits == 0 || !epoch) return false;
  const auto label = label_of(line);
  if (!label) return false;
  if (curves.empty() || curves.back().label != *label) curves.push_back({*label, {}});
  curves.back().points.push_back({.epoch = *epoch, .bits = *bits, .accuracy = *accuracy});
  return true;
}

}  // namespace

std::vector<UplinkCurve> uplink_curves(std::span<const SeedGroup> groups) {
  std::vector<UplinkCurve> curves;
  for (const SeedGroup& group : groups) {
    UplinkCurve one{.label = group.label, .points = {}};
    for (const CurvePoint& p : curve(group, quantity("test_accuracy"))) {
      if (p.uplink == 0) continue;
      one.points.push_back({.epoch = p.epoch, .bits = p.uplink, .accuracy = p.value.mean});
    }
    if (!one.points.empty()) curves.push_back(std::move(one));
  }
  return curves;
}

void write_points(std::ostream& out, std::span<const UplinkCurve> curves) {
  fmt::print(out, "{}\n", kHeader);
  for (const UplinkCurve& one : curves) {
    for (const UplinkPoint& p : one.points) {
      fmt::print(out, "{},{},{:.17g},{}\n", csv_cell(one.label), p.epoch, p.bits, p.accuracy);
    }
  }
}

std::vector<UplinkCurve> read_points(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<UplinkCurve> curves;
  std::string line;
  std::size_t number = 0;
  while (std::getline(in, line)) {
    ++number;
    if (number == 1 ? line != kHeader : !add_row(line, curves)) {
      throw InputError(fmt::format("{}:{}: not a row of {}", path.string(), number, kHeader));
    }
  }
  if (number == 0) throw InputError(fmt::format("{}: cannot be read", path.string()));
  return curves;
}

std::string draw_uplink_figure(std::span<const UplinkCurve> curves) {
  if (curves.empty()) throw InputError("no run has an evaluated round and bits sent up");
  double low = std::numeric_limits<double>::infinity();
  double high = 0;
  double worst = 1;
  double best = 0;
  std::string data;
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    data += fmt::format("$curve_{} << EOD\n", i);
    for (const UplinkPoint& p : curves[i].points) {
      low = std::min(low, p.bits);
      high = std::max(high, p.bits);
      worst = std::min(worst, p.accuracy);
      best = std::max(best, p.accuracy);
      data += fmt::format("{} {}\n", p.bits, 100 * p.accuracy);
    }
    data += "EOD\n";
    const LineStyle style = line_style(i);
    lines.push_back(
        fmt::format("$curve_{} with linespoints pt 7 ps 0.5 lw 2 dt {} lc rgb '{}' title {}", i,
                    style.dash, style.color, gnuplot_string(curves[i].label)));
  }
  constexpr double kMargin = 1.5;  // around the first and the last point, on a logarithmic axis
  constexpr double kTens = 10;     // per cent; the vertical axis begins and ends at a multiple
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "figure.svg";
  run_gnuplot(data + fmt::format("set terminal svg size 640,380 font 'sans-serif,14' noenhanced\n"
                                 "set output {}\n"
                                 "set border 3 lw 0.7\nset tics nomirror scale 0.6\n"
                                 "set grid lw 0.5 lc rgb '#999999' dt 3\n"
                                 "set logscale x\nset format x '%.0s %cbit'\nset xrange [{}:{}]\n"
                                 "set xlabel 'bits that all workers have sent'\n"
                                 "set ylabel 'test accuracy'\nset format y '%g %%'\n"
                                 "set yrange [{}:{}]\n"
                                 "set key above maxcols 4 width 1 samplen 2\n{}set output\n",
                                 gnuplot_string(file.string()), low / kMargin, high * kMargin,
                                 kTens * std::floor(100 * worst / kTens),
                                 kTens * std::floor(100 * best / kTens + 1), plot_command(lines)),
              directory.path());
  std::ifstream in(file, std::ios::binary);
  std::string svg{std::istreambuf_iterator<char>(in), {}};
  const std::size_t first = svg.find("<g id=\"gnuplot_canvas\">");
  if (first == std::string::npos) throw std::runtime_error("gnuplot's SVG has no canvas");
  return svg.insert(first, kPaper);
}

}  // namespace mvsgd::sim
