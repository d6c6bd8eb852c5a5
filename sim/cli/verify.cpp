// mvsgd verify.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "sim/cli/commands.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/settings.hpp"
#include "sim/verify/verify.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

/// The file of --json. It is opened before anything runs, and as it was until it is written.
class JsonFile {
 public:
  explicit JsonFile(const fs::path& path) : path_(path) {
    std::error_code error;
    is_new_ = !fs::exists(path_, error);
    file_.open(path_, std::ios::app);
    need_good();
  }
  ~JsonFile() {
    std::error_code ignored;
    if (is_new_) fs::remove(path_, ignored);
  }
  JsonFile(const JsonFile&) = delete;
  JsonFile& operator=(const JsonFile&) = delete;

  void write(const Verification& verification) {
    std::error_code error;
    if (fs::is_regular_file(path_, error)) fs::resize_file(path_, 0);  // others have no size
    write_json(file_, verification);
    file_.close();
    need_good();
    is_new_ = false;
  }

 private:
  void need_good() const {
    if (!file_) throw InputError(fmt::format("{}: cannot be written", path_.string()));
  }

  fs::path path_;
  bool is_new_ = false;
  std::ofstream file_;
};

struct VerifyOptions {
  std::string directory;
  std::string json;
};

Exit verify(const VerifyOptions& options, const CommandContext& context) {
  const auto& [directory, json] = options;
  const Streams& streams = context.streams;
  std::optional<JsonFile> file;
  if (!json.empty() && json != "-") file.emplace(json);
  const Verification verification =
      directory.empty() ? verify_paper(context.law) : verify_run(directory, context.law);
  if (json == "-") {
    write_json(streams.out, verification);
  } else {
    print(streams.out, verification, in_red("WRONG", streams.out_colors));
  }
  if (file) file->write(verification);
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
      "  mvsgd verify sim/reproduce/trials/cpu/sm-seed1.tar.xz\n"
      "  mvsgd verify --json verification.json");
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] { return verify(*options, context); };
  });
}

}  // namespace mvsgd::sim
