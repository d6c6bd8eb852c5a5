// mvsgd report.
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "sim/cli/commands.hpp"
#include "sim/cli/summary.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/made_directory.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/report/drawn_plots.hpp"
#include "sim/report/html.hpp"
#include "sim/report/network.hpp"
#include "sim/report/network_times.hpp"
#include "sim/report/plots.hpp"
#include "sim/report/run_table.hpp"
#include "sim/report/seed_groups.hpp"
#include "sim/report/uplink_figure.hpp"
#include "sim/run/condensed_run.hpp"
#include "sim/run/run_archive.hpp"
#include "sim/run/run_history.hpp"
#include "sim/text/numbers.hpp"
#include "sim/verify/verify.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

/// A run by its directory or its archive.
RunWithRows read_run(const fs::path& path) {
  RunWithRows run = of_run(path, read_run_with_rows);
  run.history.path = path;
  return run;
}

std::vector<RunHistory> read_runs(const std::vector<std::string>& paths) {
  std::vector<RunHistory> runs;
  runs.reserve(paths.size());
  for (const std::string& path : paths) runs.push_back(read_run(path).history);
  return runs;
}

/// Reads the runs with the times that they would take over the network, and prints a line for each.
std::vector<RunHistory> read_runs_over(const Network& network,
                                       const std::vector<std::string>& paths, std::ostream& out) {
  std::vector<RunWithRows> runs;
  runs.reserve(paths.size());
  for (const std::string& path : paths) runs.push_back(read_run(path));
  std::uint32_t workers = 0;
  for (const RunWithRows& run : runs) workers = std::max(workers, run.history.settings.workers);
  check_workers(network, workers);
  write_network_table(out, runs, network);
  std::vector<RunHistory> moved;
  for (RunWithRows& run : runs) {
    move_to(network, run);
    moved.push_back(std::move(run.history));
  }
  return moved;
}

/// Prints the runs as a table and checks each as `mvsgd verify RUN_DIR` does. Returns whether all
/// hold.
bool print_table(std::vector<RunHistory> histories, const CommandContext& context) {
  bool all_hold = true;
  std::vector<TableRun> runs;
  for (RunHistory& run : histories) {
    const bool holds = verify_run(run.path, context.law).holds();
    all_hold = all_hold && holds;
    std::string bits = "none sent";
    if (!holds) {
      bits = "WRONG";
    } else if (run.settings.scheme->sends()) {
      bits = fmt::format("equal to {} in {}", name_of_law(run.settings),
                         counted(run.last_round(), "round"));
    }
    runs.push_back({.history = std::move(run), .bits = std::move(bits)});
  }
  write_run_table(context.streams.out, runs);
  return all_hold;
}

struct ReportOptions {
  std::vector<std::string> runs;  ///< directories or archives
  std::string out;
  std::string format;
  std::string network;
  std::string condensed;
  bool figure = false;
  bool table = false;
};

constexpr std::array<std::string_view, 4> kPageFormats{"html", "pdf", "png", "csv"};
constexpr std::array<std::string_view, 2> kFigureFormats{"svg", "csv"};

bool is_format(std::string_view name) {
  return std::ranges::count(kPageFormats, name) + std::ranges::count(kFigureFormats, name) > 0;
}

/// The format that is given, else that by which --out ends, else the first of its kind. Throws
/// UsageError if these two differ, if --out ends otherwise and none is given, or if what is drawn
/// has no such format.
std::string format_of(const ReportOptions& options) {
  const std::span<const std::string_view> formats =
      options.figure ? std::span<const std::string_view>(kFigureFormats) : kPageFormats;
  std::string ending = fs::path(options.out).extension().string();
  if (ending.starts_with('.')) ending.erase(0, 1);
  std::string format(formats.front());
  if (!options.format.empty()) {
    format = options.format;
  } else if (is_format(ending)) {
    format = ending;
  } else if (!ending.empty()) {
    throw UsageError(fmt::format("--out {}: its ending is none of {}; with --format it may be any",
                                 options.out, fmt::join(formats, ", ")));
  }
  if (std::ranges::count(formats, format) == 0) {
    throw UsageError(options.figure
                         ? "--figure is drawn as SVG; of the others --format csv has its points"
                         : "only --figure is drawn as SVG");
  }
  if (is_format(ending) && ending != format) {
    throw UsageError(
        fmt::format("--out {}: its ending is not that of --format {}", options.out, format));
  }
  return format;
}

/// The default path: in the run's directory if there is one run, else in the current directory.
fs::path default_path(const ReportOptions& options, const std::string& format) {
  const fs::path name = (options.figure ? "uplink." : "report.") + format;
  std::error_code none;
  return options.runs.size() == 1 && fs::is_directory(options.runs.front(), none)
             ? options.runs.front() / name
             : name;
}

/// Whether it is no run, but the points that an earlier figure has written.
bool has_points(const fs::path& path) {
  std::error_code none;
  return fs::is_regular_file(path, none) && !path.string().ends_with(kArchiveEnding);
}

/// The figure as a file's bytes, from runs or from points.
std::string figure_as(const std::string& format, const std::vector<std::string>& paths) {
  const std::vector<UplinkCurve> curves = paths.size() == 1 && has_points(paths.front())
                                              ? read_points(paths.front())
                                              : uplink_curves(seed_groups(read_runs(paths)));
  if (format == "svg") return draw_uplink_figure(curves);
  std::ostringstream out;
  write_points(out, curves);
  return out.str();
}

/// The page as a file's bytes, over time on the network if one is named.
std::string page_as(const std::string& format, std::vector<RunHistory> runs,
                    const std::string& network) {
  const std::vector<SeedGroup> groups = seed_groups(std::move(runs));
  std::ostringstream out;
  if (format == "csv") {
    write_csv(out, groups);
    return out.str();
  }
  const std::vector<Plot> plots = report_plots(groups, network);
  if (format != "html") return draw_page(plots, groups, format);
  write_html(out, groups, plots, draw_svg(plots));
  return out.str();
}

/// The file that the path leads to, whether it is there or not; of what is no file the path itself.
/// Throws InputError for links that lead round in circles.
fs::path behind_links(fs::path path) {
  constexpr int kMostLinks = 40;  // as many as the system follows
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_regular_file(path, error)) return path;
  for (int i = 0; i < kMostLinks; ++i) {
    if (!fs::is_symlink(path, error)) return path;
    path = path.parent_path() / fs::read_symlink(path, error);
    if (error) break;
  }
  throw InputError(fmt::format("{}: a link that leads to no file", path.string()));
}

/// A failure to write is an InputError, since the user has named the path.
void write_report(const fs::path& path, const std::string& text) {
  try {
    replace_file(behind_links(path), text);
  } catch (const std::runtime_error& e) {
    throw InputError(e.what());
  }
}

/// Writes the page, then prints the times over a network and the table, whichever are asked for.
/// Returns whether all that the table checks holds.
bool write_page(const fs::path& path, const std::string& format, const ReportOptions& options,
                const CommandContext& context) {
  std::ostringstream times;
  std::vector<RunHistory> runs;
  std::string network;
  if (options.network.empty()) {
    runs = read_runs(options.runs);
  } else {
    const Network over = read_network(options.network);
    network = over.name;
    runs = read_runs_over(over, options.runs, times);
  }
  write_report(path, page_as(format, runs, network));
  context.streams.out << times.str();
  return !options.table || print_table(std::move(runs), context);
}

/// The name of the first of these options that is given; "" if none is.
std::string_view first_given(std::initializer_list<std::pair<std::string_view, bool>> options) {
  for (const auto& [name, given] : options) {
    if (given) return name;
  }
  return "";
}

/// Writes the condensed run into a new directory.
Exit condense(const ReportOptions& options, const CommandContext& context) {
  const std::string_view of_a_drawing = first_given({{"--out", !options.out.empty()},
                                                     {"--format", !options.format.empty()},
                                                     {"--figure", options.figure},
                                                     {"--table", options.table},
                                                     {"--network", !options.network.empty()}});
  if (!of_a_drawing.empty()) {
    throw UsageError(fmt::format("--condense draws nothing: {} has no effect", of_a_drawing));
  }
  if (options.runs.size() != 1) throw UsageError("--condense takes one run");
  const fs::path into = options.condensed;
  std::error_code error;
  if (fs::exists(into, error)) {
    throw InputError(fmt::format("{}: exists already", into.string()));
  }
  const data::TextFiles files = of_run(options.runs.front(), condensed);
  const MadeDirectory made(into);
  try {
    for (const auto& [name, text] : files) write_report(into / name, text);
  } catch (...) {
    for (const auto& file : files) fs::remove(into / file.first, error);
    throw;
  }
  fmt::print(context.streams.out, "{}\n", into.string());
  return Exit::good;
}

Exit report(const ReportOptions& options, const CommandContext& context) {
  if (!options.condensed.empty()) return condense(options, context);
  const std::string_view of_a_page =
      first_given({{"--table", options.table}, {"--network", !options.network.empty()}});
  if (options.figure && !of_a_page.empty()) {
    throw UsageError(
        fmt::format("{} goes with the page of a report, not with --figure", of_a_page));
  }
  const std::string format = format_of(options);
  const fs::path path = options.out.empty() ? default_path(options, format) : fs::path(options.out);
  bool holds = true;
  if (options.figure) {
    write_report(path, figure_as(format, options.runs));
  } else {
    holds = write_page(path, format, options, context);
  }
  fmt::print(context.streams.out, "{}\n", path.string());
  if (holds) return Exit::good;
  fmt::print(context.streams.err,
             "mvsgd: what is marked WRONG above does not hold: 'mvsgd verify RUN_DIR' says why\n");
  return Exit::check_failed;
}

}  // namespace

void add_report(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* const command =
      app.add_subcommand("report", "Draw finished or running runs, several together");
  command->add_option("runs", options->runs, "run directories or archives")
      ->required()
      ->type_name("RUN_DIR|FILE");
  command
      ->add_option("--out", options->out,
                   "the file; default report.FORMAT, in the run directory of one")
      ->type_name("FILE");
  command
      ->add_option("--format", options->format,
                   "html, pdf, png or csv; default by the ending of --out, else html")
      ->check(CLI::IsMember(std::vector<std::string>(kPageFormats.begin(), kPageFormats.end())));
  command
      ->add_option("--condense", options->condensed,
                   "in its place write one finished run without its single rounds, a few dozen "
                   "kilobytes, into this new directory")
      ->type_name("DIR");
  command->add_flag("--figure", options->figure,
                    "in its place test accuracy against bits sent up, as one SVG (uplink.svg); "
                    "--format csv: its points, which may stand for the runs");
  command->add_flag("--table", options->table,
                    "print accuracy, rates, digest and whether the bits hold, a line a run");
  command
      ->add_option(
          "--network", options->network,
          "print how long the runs would take over lan (1 Gbit/s, 0.2 ms), wan (100 Mbit/s, "
          "30 ms), lte (10 Mbit/s up, 50 down, 40 ms), these rates and latency, or those "
          "of a .toml file, and draw their curves against that time")
      ->type_name("lan|wan|lte|UP/DOWN/LATENCY|FILE.toml");
  command->footer(
      "Examples:\n  mvsgd report runs/demo-seed1\n"
      "  mvsgd report runs/* --table --out all.html\n"
      "  mvsgd report runs/demo-seed1 --out report.pdf\n"
      "  mvsgd report runs/* --network 10M/50M/40ms --out lte.html\n"
      "  mvsgd report runs/* --out all.csv\n"
      "  mvsgd report runs/* --figure --out uplink.svg\n"
      "  mvsgd report sim/reproduce/trials/cpu/*-seed1.tar.xz --table");
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] { return report(*options, context); };
  });
}

}  // namespace mvsgd::sim
