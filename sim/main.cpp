// The program: arguments in, exit code out.
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/command_line.hpp"

namespace {

/// Of the terminal behind standard output; 0 if there is none.
std::size_t terminal_columns() {
  constexpr std::size_t kUnknown = 80;
  if (isatty(STDOUT_FILENO) == 0) return 0;
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUnknown;
}

/// Whether what is written there may have colours: https://no-color.org.
bool shows_colors(int descriptor) {
  const char* const forbidden = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return isatty(descriptor) != 0 && (forbidden == nullptr || *forbidden == '\0') &&
         terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const mvsgd::sim::Streams streams{.out = std::cout,
                                    .err = std::cerr,
                                    .columns = terminal_columns(),
                                    .out_colors = shows_colors(STDOUT_FILENO),
                                    .err_colors = shows_colors(STDERR_FILENO)};
  return static_cast<int>(mvsgd::sim::run_command(args, streams));
}
