// mvsgd verify.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "sim/cli/commands.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/settings.hpp"
#include "sim/verify/verify.hpp"

namespace mvsgd::sim {
namespace {

struct VerifyOptions {
  std::string directory;
  std::string json;
};

Exit verify(const VerifyOptions& options, const CommandContext& context) {
  const auto& [directory, json] = options;
  const Streams& streams = context.streams;
  std::ofstream file;
  if (!json.empty() && json != "-") {
    file.open(json);
    if (!file) throw InputError(fmt::format("{}: cannot be written", json));
  }
  const Verification verification = directory.empty() ? verify_paper(context.law)
                                    : std::filesystem::is_regular_file(directory)
                                        ? verify_archive(directory, context.law)
                                        : verify_run(directory, context.law);
  if (json == "-") {
    write_json(streams.out, verification);
  } else {
    print(streams.out, verification, in_red("WRONG", streams.out_colors));
  }
  if (file.is_open()) {
    write_json(file, verification);
    file.close();
    if (!file) throw InputError(fmt::format("{}: cannot be written", json));
  }
  if (verification.holds()) return Exit::good;
  fmt::print(streams.err, "mvsgd: what is marked WRONG above does not hold\n");
  return Exit::check_failed;
}

}  // namespace

void add_verify(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App* const command =
      app.add_subcommand("verify", "Hold the program against the paper, or a run's ledger");
  command
      ->add_option("run", options->directory,
                   "a run directory or archive; none: the equations and Table 1")
      ->type_name("RUN_DIR|FILE");
  command->add_option("--json", options->json, "write the same as JSON to FILE; -: in its place")
      ->type_name("FILE");
  command->footer(
      "Examples:\n  mvsgd verify\n  mvsgd verify runs/ssgd-mv-l4-seed1\n"
      "  mvsgd verify --json verification.json");
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] { return verify(*options, context); };
  });
}

}  // namespace mvsgd::sim
