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

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

struct ReportOptions {
  std::vector<std::string> directories;
  std::string out;
  std::string format = "html";
};

/// In the directory of one run, beside the caller for several.
fs::path default_path(const ReportOptions& options) {
  const fs::path name = "report." + options.format;
  return options.directories.size() == 1 ? options.directories.front() / name : name;
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
  std::vector<RunHistory> runs;
  for (const std::string& directory : options.directories) {
    runs.push_back(read_run_history(directory));
  }
  const std::vector<SeedGroup> groups = seed_groups(std::move(runs));
  const fs::path path = options.out.empty() ? default_path(options) : fs::path(options.out);
  write_report(path, report_as(options.format, groups));
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
  command->footer(
      "Examples:\n  mvsgd report runs/demo-seed1\n"
      "  mvsgd report runs/* --out all.html\n"
      "  mvsgd report runs/demo-seed1 --format pdf\n"
      "  mvsgd report runs/* --format csv --out all.csv");
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] { return report(*options, context); };
  });
}

}  // namespace mvsgd::sim
