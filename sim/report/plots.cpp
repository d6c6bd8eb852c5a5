#include "sim/report/plots.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "sim/report/gnuplot.hpp"

namespace mvsgd::sim {
namespace {

// Okabe and Ito's colours, which colour-blind readers can tell apart, without black and yellow:
// they must stand out on both a white and a black page.
constexpr std::array<std::string_view, 6> kColors = {"#0072b2", "#d55e00", "#009e73",
                                                     "#cc79a7", "#e69f00", "#56b4e9"};

constexpr std::array<std::string_view, comm::kFields> kFieldColors = {
    "#0072b2", "#56b4e9", "#cc79a7", "#999999", "#666666", "#e69f00", "#009e73"};

constexpr int kCurveHeight = 270;

constexpr std::string_view kAccuracy = "test_accuracy";

// Curves of few points get markers, so that a single point is visible.
constexpr std::size_t kFewPoints = 40;

enum class Axis { epoch, bits, seconds };

struct Curve {
  std::size_t group;
  std::vector<CurvePoint> points;
};

/// The curves of the groups that have the quantity. Against bits, only those that have sent any.
std::vector<Curve> curves(std::span<const SeedGroup> groups, const Metric& quantity, Axis axis) {
  std::vector<Curve> found;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    Curve one{.group = g, .points = curve(groups[g], quantity)};
    if (axis == Axis::bits)
      std::erase_if(one.points, [](const CurvePoint& p) { return p.bits == 0; });
    if (!one.points.empty()) found.push_back(std::move(one));
  }
  return found;
}

double place(const CurvePoint& point, Axis axis) {
  switch (axis) {
    case Axis::epoch:
      return point.epoch;
    case Axis::bits:
      return point.bits;
    case Axis::seconds:
      return point.seconds;
  }
  return 0;
}

std::string x_axis(Axis axis, double low, double high, std::string_view network) {
  switch (axis) {
    case Axis::epoch:
      return fmt::format("set xlabel 'epoch'\nset xrange [0:{}]\n", high);
    case Axis::bits: {
      // Within two decades, tics at the decades alone would be too few.
      const bool narrow = high / low < 100;
      // Any range of more than 2.5 contains at least one of the steps 1, 2, 5, 10.
      const double margin = high / low < 2.5 ? 1.6 : 1.15;
      return fmt::format(
          "set xlabel 'bits sent, both ways'\nset logscale x\nset format x '%.0s %cbit'\n"
          "set xrange [{}:{}]\n{}",
          low / margin, high * margin,
          narrow ? "set xtics (1)\ndo for [i = 0:18] { do for [m in '1 2 5'] { set xtics add "
                   "(m * 10.0**i) } }\n"
                 : "");
    }
    case Axis::seconds: {
      const auto [unit, name] = high >= 7200  ? std::pair{3600, "hours"}
                                : high >= 120 ? std::pair{60, "minutes"}
                                              : std::pair{1, "seconds"};
      const std::string label =
          network.empty() ? std::string(name) : fmt::format("{} over {}", name, network);
      return fmt::format("set xlabel {}\nunit = {}.0\nset xrange [0:{}]\n", gnuplot_string(label),
                         unit, high / unit);
    }
  }
  return "";
}

/// What a curve shows: the name begins the plot's.
struct Shown {
  std::string name;
  std::string_view title;
  bool is_share = false;
};

/// The elements of a plot: bands, and lines over them.
class Elements {
 public:
  /// Column `y` of a data block and, with a band, its ends in the two after it.
  struct Columns {
    std::string x;
    int y = 0;
    bool has_band = false;
  };

  void add(const std::string& block, const Columns& columns, std::size_t points,
           const LineStyle& style, const std::string& title) {
    const auto& [x, y, has_band] = columns;
    if (has_band) {
      bands_.push_back(fmt::format(
          "{} using {}:{}:{} with filledcurves fc rgb '{}' fs transparent solid 0.2 noborder "
          "notitle",
          block, x, y + 1, y + 2, style.color));
    }
    lines_.push_back(fmt::format("{} using {}:{} with {} lw 2 dt {} lc rgb '{}' title {}", block, x,
                                 y, points > kFewPoints ? "lines" : "linespoints pt 7 ps 0.5",
                                 style.dash, style.color, gnuplot_string(title)));
  }

  [[nodiscard]] std::string command() const {
    std::vector<std::string> all = bands_;
    all.insert(all.end(), lines_.begin(), lines_.end());
    return plot_command(all);
  }

 private:
  std::vector<std::string> bands_;
  std::vector<std::string> lines_;
};

/// A number and the ends of its band, which is one deviation to each side.
std::string with_band(const Sample& value, double scale) {
  if (!value.deviation) return fmt::format("{} NaN NaN\n", scale * value.mean);
  return fmt::format("{} {} {}\n", scale * value.mean, scale * (value.mean - *value.deviation),
                     scale * (value.mean + *value.deviation));
}

/// `floor` is where the vertical axis begins. `network` names the network that the time is for. The
/// curves have titles, for plots with a key.
Plot curve_plot(std::span<const SeedGroup> groups, const std::vector<Curve>& all,
                const Shown& quantity, Axis axis, double floor = 0, std::string_view network = "") {
  constexpr std::array<std::string_view, 3> kAxes = {"epoch", "bits", "seconds"};
  Plot plot{.name = fmt::format("{}-{}", quantity.name, kAxes[static_cast<std::size_t>(axis)]),
            .title = std::string(quantity.title),
            .height = kCurveHeight,
            .curves = all.size()};
  const bool percent = quantity.is_share;
  double low = place(all.front().points.front(), axis);
  double high = low;
  Elements elements;
  for (const Curve& one : all) {
    const std::string block = fmt::format("${}_{}", quantity.name, one.group);
    plot.data += block + " << EOD\n";
    bool has_band = false;
    for (const CurvePoint& p : one.points) {
      low = std::min(low, place(p, axis));
      high = std::max(high, place(p, axis));
      const double scale = percent ? 100 : 1;
      plot.data += fmt::format("{} {} {} ", p.epoch, p.bits, p.seconds);
      if (p.ends) {
        plot.data += fmt::format("{} {} {}\n", scale * p.value.mean, scale * p.ends->first,
                                 scale * p.ends->second);
      } else {
        plot.data += with_band(p.value, scale);
      }
      if (!p.ends && !p.value.deviation) continue;
      has_band = true;
      plot.band = p.ends ? Band::workers : Band::deviation;
    }
    plot.data += "EOD\n";
    const std::string x =
        axis == Axis::seconds ? "($3/unit)" : std::to_string(static_cast<int>(axis) + 1);
    elements.add(block, {.x = x, .y = 4, .has_band = has_band}, one.points.size(),
                 line_style(one.group), groups[one.group].label);
  }
  plot.draw = x_axis(axis, low, high, network) +
              fmt::format("set format y '%g{}'\n", percent ? " %%" : "") +
              fmt::format("set yrange [{}:*]\n", floor) + elements.command();
  return plot;
}

std::string amount(double bits) {
  constexpr std::string_view kPrefixes = " kMGTP";
  std::size_t i = 0;
  for (; bits >= 999.5 && i + 1 < kPrefixes.size(); ++i) bits /= 1000;
  return i == 0 ? fmt::format("{:.0f} bit", bits) : fmt::format("{:.3g} {}bit", bits, kPrefixes[i]);
}

/// A label shortened so that it fits into a plot with a few more words.
std::string shortened(const std::string& label) {
  constexpr std::size_t kFits = 36;
  return label.size() <= kFits ? label : label.substr(0, kFits - 3) + "...";
}

/// One bar for each group and direction, divided into the shares of its fields, with the total
/// above it.
Plot bits_plot(std::span<const SeedGroup> groups) {
  Plot plot{.name = "bits", .title = "bits by field, shares of each way", .data = "$bars << EOD\n"};
  std::string labels;
  std::array<bool, comm::kFields> met{};
  int row = 0;
  for (const SeedGroup& group : groups) {
    for (const comm::Direction direction : comm::kAllDirections) {
      std::array<double, comm::kFields> bits{};
      double total = 0;
      for (const RunHistory& run : group.runs) {
        for (std::size_t f = 0; f < comm::kFields; ++f) {
          const comm::Bits own = run.bits[direction][comm::kAllFields[f]];
          bits[f] += static_cast<double>(own.count()) / static_cast<double>(group.runs.size());
        }
      }
      for (const double b : bits) total += b;
      if (total == 0) continue;
      ++row;
      labels += fmt::format("set label {} at 0,{} left offset 0,0.9\n",
                            gnuplot_string(fmt::format("{}, {}: {}", shortened(group.label),
                                                       comm::name(direction), amount(total))),
                            -row);
      double left = 0;
      for (std::size_t f = 0; f < comm::kFields; ++f) {
        if (bits[f] == 0) continue;
        met[f] = true;
        const double right = left + 100 * bits[f] / total;
        plot.data += fmt::format("{} {} {} {}\n", f, left, right, -row);
        left = right;
      }
    }
  }
  plot.data += "EOD\n";
  constexpr int kRow = 42;
  constexpr int kRest = 120;
  plot.height = kRest + kRow * row;
  plot.draw =
      labels + fmt::format(
                   "set border 1\nunset ytics\nset xrange [0:100]\nset format x '%g %%'\n"
                   "set yrange [{}:-0.4]\nset bmargin -1\nset key below width 1 samplen 1\n",
                   -row - 0.5);
  std::vector<std::string> elements;
  for (std::size_t f = 0; f < comm::kFields; ++f) {
    if (!met[f]) continue;
    elements.push_back(fmt::format(
        "$bars using ($1=={}?$2:NaN):4:2:3:($4-0.25):($4+0.1) with boxxyerror fs solid noborder "
        "fc rgb '{}' title '{}'",
        f, kFieldColors[f], comm::name(comm::kAllFields[f])));
  }
  plot.draw += plot_command(elements);
  return plot;
}

/// Tics for a square-root axis, no two closer than a fifth of it.
std::string root_tics(double high) {
  std::string tics = "set xtics (0";
  double last = 0;
  for (const double tic : {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1., 2., 5., 10., 20., 50., 100.}) {
    if (tic > high || std::sqrt(tic / high) - std::sqrt(last / high) < 1. / 5) continue;
    tics += fmt::format(", {}", tic);
    last = tic;
  }
  return tics + ")\n";
}

/// A share that each layer has.
struct ShownByLayer {
  std::string_view name;
  std::string_view title;
  std::string_view axis;
  std::vector<KeptShare> (*of)(const SeedGroup&);
};
constexpr std::array kByLayer = {
    ShownByLayer{"layers", "kept share of each layer, last mask", "kept", kept_shares},
    ShownByLayer{"in_masks", "share of each layer that masks have had", "in any mask",
                 in_masks_shares}};

/// Some group must have the share.
Plot layers_plot(std::span<const SeedGroup> groups, const ShownByLayer& what) {
  Plot plot{.name = std::string(what.name), .title = std::string(what.title)};
  double high = 0;
  std::string tics;
  std::vector<std::string> points;
  std::size_t layers = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::vector<KeptShare> shares = what.of(groups[g]);
    if (shares.empty()) continue;
    layers = shares.size();
    tics.clear();
    plot.data += fmt::format("${}_{} << EOD\n", what.name, g);
    for (std::size_t i = 0; i < shares.size(); ++i) {
      high = std::max(high, 100 * shares[i].share);
      plot.data += fmt::format("{} {}\n", 100 * shares[i].share, i);
      tics += fmt::format("{}{} {}", i > 0 ? ", " : "", gnuplot_string(shares[i].layer), i);
    }
    plot.data += "EOD\n";
    points.push_back(fmt::format("${}_{} using 1:2 with points pt {} ps 0.6 lc rgb '{}'", what.name,
                                 g, line_style(g).point, line_style(g).color));
  }
  constexpr int kRow = 14;
  constexpr int kRest = 90;
  plot.height = kRest + kRow * static_cast<int>(layers);
  plot.draw = fmt::format(
      "set nonlinear x via sqrt(x) inverse x*x\nset xrange [0:{}]\n{}set format x '%g %%'\n"
      "set xlabel '{}'\nset ytics ({})\nset yrange [{}:-0.8]\n",
      1.05 * high, root_tics(high), what.axis, tics, static_cast<double>(layers) - 0.2);
  plot.draw += plot_command(points);
  return plot;
}

Shown shown(const Metric& metric) {
  return {.name = std::string(metric.name), .title = metric.title, .is_share = metric.is_share};
}

/// Where an axis of accuracy begins, in per cent: from a sixth of their epochs on curves must be
/// distinguishable.
double accuracy_floor(const std::vector<Curve>& all) {
  constexpr double kSettled = 1. / 6;
  constexpr double kStep = 5;
  double lowest = 100;
  for (const Curve& one : all) {
    for (const CurvePoint& p : one.points) {
      if (p.epoch < kSettled * one.points.back().epoch) continue;
      lowest = std::min(lowest, 100 * (p.value.mean - p.value.deviation.value_or(0)));
    }
  }
  return std::max(0., kStep * (std::ceil(lowest / kStep) - 1));
}

/// A plot for each number that some run has of each worker.
std::vector<Plot> worker_plots(std::span<const SeedGroup> groups) {
  std::vector<Plot> plots;
  for (const WorkerMetric& metric : worker_metrics()) {
    std::vector<Curve> all;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      Curve one{.group = g, .points = curve_of_workers(groups[g], metric)};
      if (!one.points.empty()) all.push_back(std::move(one));
    }
    if (all.empty()) continue;
    plots.push_back(curve_plot(groups, all,
                               {.name = fmt::format("worker_{}", metric.name),
                                .title = metric.title,
                                .is_share = metric.is_share},
                               Axis::epoch));
  }
  return plots;
}

/// The share of masks that ties have chosen, if a run has it.
std::vector<Plot> ties_plot(std::span<const SeedGroup> groups) {
  std::vector<Curve> all;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    Curve one{.group = g, .points = curve_of_ties(groups[g])};
    if (!one.points.empty()) all.push_back(std::move(one));
  }
  if (all.empty()) return {};
  return {curve_plot(groups, all,
                     {.name = std::string(kTied),
                      .title = "share of the mask chosen among equal votes",
                      .is_share = true},
                     Axis::epoch)};
}

}  // namespace

LineStyle line_style(std::size_t group) {
  // Points are round, filled and open, then square.
  constexpr std::array<std::pair<int, std::string_view>, 4> kPatterns = {
      {{7, "solid"}, {6, "dashed"}, {5, "dotted"}, {4, "double"}}};
  const std::size_t pattern = group / kColors.size() % kPatterns.size();
  return {.color = std::string(kColors[group % kColors.size()]),
          .dash = static_cast<int>(pattern) + 1,
          .point = kPatterns[pattern].first,
          .border_style = kPatterns[pattern].second};
}

std::vector<Plot> report_plots(std::span<const SeedGroup> groups, std::string_view network) {
  std::vector<Plot> plots;
  const auto add = [&](const Metric& metric, Axis axis) {
    if (const auto all = curves(groups, metric, axis); !all.empty()) {
      const double floor = metric.name == kAccuracy ? accuracy_floor(all) : 0;
      plots.push_back(curve_plot(groups, all, shown(metric), axis, floor, network));
    }
  };
  for (const Metric& metric : quantities()) {
    if (metric.drawn != Drawn::nowhere) add(metric, Axis::epoch);
    if (metric.drawn != Drawn::by_epoch_bits_and_seconds) continue;
    add(metric, Axis::bits);
    add(metric, Axis::seconds);
  }
  std::ranges::move(worker_plots(groups), std::back_inserter(plots));
  std::ranges::move(ties_plot(groups), std::back_inserter(plots));
  const auto any = [&](auto holds) {
    return std::ranges::any_of(
        groups, [&](const SeedGroup& group) { return std::ranges::any_of(group.runs, holds); });
  };
  if (any([](const RunHistory& run) {
        return run.bits[comm::Direction::down].total() > comm::Bits(0);
      })) {
    plots.push_back(bits_plot(groups));
  }
  for (const ShownByLayer& what : kByLayer) {
    const auto has = [&](const SeedGroup& group) { return !what.of(group).empty(); };
    if (std::ranges::any_of(groups, has)) plots.push_back(layers_plot(groups, what));
  }
  return plots;
}

Plot accuracy_figure(std::span<const SeedGroup> groups, std::string name, std::string title) {
  constexpr int kHeight = 380;
  const Metric accuracy = quantity(kAccuracy);
  const auto all = curves(groups, accuracy, Axis::epoch);
  Plot plot = curve_plot(groups, all, shown(accuracy), Axis::epoch, accuracy_floor(all));
  plot.name = std::move(name);
  plot.title = std::move(title);
  plot.height = kHeight;
  plot.draw.insert(
      0, "set ylabel 'test accuracy'\nset bmargin -1\nset key below maxcols 2 width 1 samplen 2\n");
  return plot;
}

Plot local_steps_plot(std::span<const CurveOfSteps> curves, std::string name, std::string title) {
  // Curves may lie on each other, so each has another colour and another dash.
  constexpr std::size_t kNextStyle = kColors.size() + 1;
  constexpr double kMargin = 1.15;
  Plot plot{.name = std::move(name),
            .title = std::move(title),
            .height = kCurveHeight,
            .curves = curves.size()};
  std::string variable = plot.name;
  std::ranges::replace(variable, '-', '_');
  std::set<double> steps;
  Elements elements;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const std::string block = fmt::format("${}_{}", variable, i);
    plot.data += block + " << EOD\n";
    bool has_band = false;
    for (const auto& [h, value] : curves[i].points) {
      steps.insert(h);
      plot.data += fmt::format("{} ", h) + with_band(value, 1);
      if (!value.deviation) continue;
      has_band = true;
      plot.band = Band::deviation;
    }
    plot.data += "EOD\n";
    elements.add(block, {.x = "1", .y = 2, .has_band = has_band}, curves[i].points.size(),
                 line_style(kNextStyle * i), curves[i].label);
  }
  plot.draw = fmt::format(
      "set xlabel 'local steps a round, H'\nset logscale x 2\nset xtics ({})\n"
      "set xrange [{}:{}]\nset yrange [0:*]\n",
      fmt::join(steps, ", "), *steps.begin() / kMargin, *steps.rbegin() * kMargin);
  plot.draw += elements.command();
  return plot;
}

void add_key(Plot& plot) {
  constexpr int kWidth = 640;
  constexpr int kColumns = 2;
  constexpr int kRow = 18;
  constexpr int kRest = 410;  // the curves, title, tics and label of the axis
  plot.width = kWidth;
  plot.height = kRest + kRow * ((static_cast<int>(plot.curves) + kColumns - 1) / kColumns);
  plot.draw.insert(0, fmt::format("set bmargin -1\nset key below Left reverse maxcols {} width -2 "
                                  "samplen 3\n",
                                  kColumns));
}

}  // namespace mvsgd::sim
