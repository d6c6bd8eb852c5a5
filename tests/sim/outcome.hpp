// Runs a command of mvsgd in this process and returns its outcome.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "sim/cli/command_line.hpp"

namespace mvsgd::sim {

struct Outcome {
  Exit code;
  std::string out;
  std::string err;
};

inline Outcome run(const std::vector<std::string>& args, const Interrupted& interrupted = {}) {
  std::ostringstream out;
  std::ostringstream err;
  const Exit code = run_command(args, {.out = out, .err = err, .columns = 0}, {}, interrupted);
  return {code, out.str(), err.str()};
}

}  // namespace mvsgd::sim
