// mvsgd report.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/commands.hpp"
#include "sim/report.hpp"
#include "sim/report_html.hpp"
#include "sim/report_plots.hpp"

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

/// The report as what writes it; plots are drawn by now.
std::function<void(std::ostream&)> report_as(const std::string& format,
                                             const std::vector<RunGroup>& groups) {
  if (format == "csv") return [&](std::ostream& out) { write_csv(out, groups); };
  const std::vector<Plot> plots = report_plots(groups);
  if (format == "html") {
    return [&groups, plots, drawings = draw_svg(plots)](std::ostream& out) {
      write_html(out, groups, plots, drawings);
    };
  }
  return [page = draw_page(plots, groups, format)](std::ostream& out) { out << page; };
}

/// To a temporary name first, so that a report is always a whole one.
void write_whole(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  const fs::path temporary = path.string() + ".tmp";
  std::ofstream file(temporary, std::ios::binary);
  if (file) write(file);
  file.close();
  std::error_code error;
  if (file) fs::rename(temporary, path, error);
  if (!file || error) {
    fs::remove(temporary, error);
    throw InputError(fmt::format("{}: cannot be written", path.string()));
  }
}

Exit report(const ReportOptions& options, const CommandContext& context) {
  std::vector<RunHistory> runs;
  for (const std::string& directory : options.directories) {
    runs.push_back(read_run_history(directory));
  }
  const std::vector<RunGroup> groups = group_runs(std::move(runs));
  const fs::path path = options.out.empty() ? default_path(options) : fs::path(options.out);
  write_whole(path, report_as(options.format, groups));
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
