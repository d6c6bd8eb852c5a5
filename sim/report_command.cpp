// mvsgd report.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "sim/commands.hpp"
#include "sim/report.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

struct ReportOptions {
  std::vector<std::string> directories;
  std::string out;
  std::string format = "csv";
};

/// In the directory of one run, beside the caller for several.
fs::path default_path(const ReportOptions& options) {
  const fs::path name = "report." + options.format;
  return options.directories.size() == 1 ? options.directories.front() / name : name;
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
  write_whole(path, [&](std::ostream& out) { write_csv(out, groups); });
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
  command->add_option("--format", options->format, "csv")->check(CLI::IsMember({"csv"}));
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] { return report(*options, context); };
  });
}

}  // namespace mvsgd::sim
