// mvsgd report.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sim/cli/commands.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/report/html.hpp"
#include "sim/report/plots.hpp"
#include "sim/report/seed_groups.hpp"
#include "sim/report/uplink_figure.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

std::vector<SeedGroup> read_groups(const std::vector<std::string>& directories) {
  std::vector<RunHistory> runs;
  for (const std::string& directory : directories) runs.push_back(read_run_history(directory));
  return seed_groups(std::move(runs));
}

struct ReportOptions {
  std::vector<std::string> directories;
  std::string out;
  std::string format;
  bool figure = false;
};

std::string format_of(const ReportOptions& options) {
  if (!options.format.empty()) return options.format;
  return options.figure ? "svg" : "html";
}

/// In the directory of one run, beside the caller for several.
fs::path default_path(const ReportOptions& options) {
  const fs::path name = (options.figure ? "uplink." : "report.") + format_of(options);
  return options.directories.size() == 1 && fs::is_directory(options.directories.front())
             ? options.directories.front() / name
             : name;
}

/// The figure as a file's bytes: of runs, or of points that an earlier figure has left.
std::string figure_as(const ReportOptions& options) {
  std::vector<UplinkCurve> curves;
  if (options.directories.size() == 1 && fs::is_regular_file(options.directories.front())) {
    curves = read_points(options.directories.front());
  } else {
    curves = uplink_curves(read_groups(options.directories));
  }
  if (format_of(options) == "svg") return draw_uplink_figure(curves);
  std::ostringstream out;
  write_points(out, curves);
  return out.str();
}

/// The report as a file's bytes.
std::string report_as(const std::string& format, const std::vector<SeedGroup>& groups) {
  std::ostringstream out;
  if (format == "csv") {
    write_csv(out, groups);
    return out.str();
  }
  const std::vector<Plot> plots = report_plots(groups);
  if (format != "html") return draw_page(plots, groups, format);
  write_html(out, groups, plots, draw_svg(plots));
  return out.str();
}

/// What cannot be written is the path that the user has named.
void write_report(const fs::path& path, const std::string& text) {
  try {
    replace_file(path, text);
  } catch (const std::runtime_error& e) {
    throw InputError(e.what());
  }
}

Exit report(const ReportOptions& options, const CommandContext& context) {
  if (options.figure && options.format != "" && options.format != "csv") {
    throw UsageError("--figure is drawn as SVG; of the others --format csv has its points");
  }
  const fs::path path = options.out.empty() ? default_path(options) : fs::path(options.out);
  write_report(path, options.figure
                         ? figure_as(options)
                         : report_as(format_of(options), read_groups(options.directories)));
  fmt::print(context.streams.out, "{}\n", path.string());
  return Exit::good;
}

}  // namespace

void add_report(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* const command =
      app.add_subcommand("report", "Draw finished or running runs, several together");
  command->add_option("runs", options->directories, "run directories")
      ->required()
      ->type_name("RUN_DIR");
  command
      ->add_option("--out", options->out,
                   "the file; default report.FORMAT, in the run directory of one")
      ->type_name("FILE");
  command->add_option("--format", options->format, "html (default), pdf, png or csv")
      ->check(CLI::IsMember({"html", "pdf", "png", "csv"}));
  command->add_flag("--figure", options->figure,
                    "in its place test accuracy against bits sent up, as one SVG (uplink.svg); "
                    "--format csv: its points, which may stand for RUN_DIR");
  command->footer(
      "Examples:\n  mvsgd report runs/demo-seed1\n"
      "  mvsgd report runs/* --out all.html\n"
      "  mvsgd report runs/demo-seed1 --format pdf\n"
      "  mvsgd report runs/* --format csv --out all.csv\n"
      "  mvsgd report runs/* --figure --out uplink.svg");
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] { return report(*options, context); };
  });
}

}  // namespace mvsgd::sim
