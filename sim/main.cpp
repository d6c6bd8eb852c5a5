// The program: arguments in, exit code out.
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cli/command_line.hpp"

namespace {

/// Whether what is written there is seen on a terminal that knows escape sequences.
bool is_terminal(int descriptor) {
  const char* const name = std::getenv("TERM");
  return isatty(descriptor) != 0 && name != nullptr && std::string_view(name) != "dumb";
}

/// Of the terminal behind standard output; 0 if there is none.
std::size_t terminal_columns() {
  constexpr std::size_t kUnknown = 80;
  if (!is_terminal(STDOUT_FILENO)) return 0;
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUnknown;
}

/// Whether what is written there may have colours: https://no-color.org.
bool shows_colors(int descriptor) {
  const char* const forbidden = std::getenv("NO_COLOR");
  return is_terminal(descriptor) && (forbidden == nullptr || *forbidden == '\0');
}

// A signal handler can reach nothing else.
volatile std::sig_atomic_t stop_wanted = 0;

/// The first time notes the wish; the second time the signal does what it does by itself.
extern "C" void note_or_die(int signal) {
  if (stop_wanted != 0) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  stop_wanted = 1;
  constexpr char kText[] =
      "\nmvsgd: gives this round up and saves the last one; once more: stops at once\n";
  // Nothing can be done if it cannot be written.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof kText - 1);
}

// What terminals, shells and schedulers send to end a program or to warn it of its end.
constexpr int kEndings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGUSR1, SIGUSR2};

bool interrupted() {
  static const bool installed = [] {
    for (const int signal : kEndings) {
      const auto before = std::signal(signal, note_or_die);
      // nohup has asked for that. (Shells let background jobs ignore SIGINT and SIGQUIT, which
      // whoever sends them means all the same.)
      if (signal == SIGHUP && before == SIG_IGN) std::signal(signal, SIG_IGN);
    }
    // Nobody reads the progress any more: no reason to lose a run.
    std::signal(SIGPIPE, SIG_IGN);
    return true;
  }();
  return installed && stop_wanted != 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const mvsgd::sim::Streams streams{.out = std::cout,
                                    .err = std::cerr,
                                    .columns = terminal_columns(),
                                    .out_colors = shows_colors(STDOUT_FILENO),
                                    .err_colors = shows_colors(STDERR_FILENO)};
  return static_cast<int>(mvsgd::sim::run_command(args, streams, {}, interrupted));
}
