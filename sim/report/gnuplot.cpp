#include "sim/report/gnuplot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include "sim/files/input_error.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

/// Standard input is empty; output and errors go into a file.
class FileActions {
 public:
  explicit FileActions(const char* log) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    constexpr mode_t kOwner = 0600;
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC,
                                     kOwner);
    posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
  }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

std::string gnuplot_string(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += c;
    quoted += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return quoted + '\'';
}

std::string plot_command(std::span<const std::string> elements) {
  return fmt::format("plot {}\n", fmt::join(elements, ", "));
}

void run_gnuplot(std::string_view script, const fs::path& directory) {
  std::string file = (directory / "script.gp").string();
  const std::string log = (directory / "gnuplot.log").string();
  std::ofstream out(file, std::ios::binary);
  out << script;
  out.close();
  if (!out) throw InputError(fmt::format("{}: cannot be written", file));

  std::string program = "gnuplot";
  std::string defaults = "--default-settings";
  const std::array<char*, 4> arguments{program.data(), defaults.data(), file.data(), nullptr};
  const FileActions actions(log.c_str());
  pid_t child = 0;
  const int refused =
      posix_spawnp(&child, program.c_str(), actions.get(), nullptr, arguments.data(), environ);
  if (refused == ENOENT) {
    throw InputError(
        "gnuplot draws the plots and is not installed: apt-get install gnuplot-nox, or ask for "
        "--format csv");
  }
  if (refused != 0) throw InputError(fmt::format("gnuplot: {}", std::strerror(refused)));
  int status = 0;
  while (waitpid(child, &status, 0) == -1 && errno == EINTR) {
  }
  if (status == 0) return;
  std::ifstream in(log);
  const std::string words{std::istreambuf_iterator<char>(in), {}};
  throw std::runtime_error(fmt::format("gnuplot failed: {}", words));
}

}  // namespace mvsgd::sim
