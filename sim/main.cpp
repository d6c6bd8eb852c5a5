// The program: arguments in, exit code out.
#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "sim/command_line.hpp"

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const mvsgd::sim::Streams streams{
      .out = std::cout, .err = std::cerr, .terminal = isatty(STDOUT_FILENO) == 1};
  return static_cast<int>(mvsgd::sim::run_command(args, streams));
}
