// The command line of mvsgd.
#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "sim/law/law.hpp"

namespace mvsgd::sim {

/// Exit codes of every command.
enum class Exit : int {
  good = 0,
  check_failed = 1,  ///< bits, equations or parameters do not agree as they should
  usage = 2,         ///< an unknown command, option, preset or key, or a value out of range
  bad_input = 3,     ///< a file, directory or device that is missing or unusable
  run_failed = 4,    ///< the run itself: divergence, a backend's refusal, a full disk
  interrupted = 5,   ///< by the user, who can resume it
};

/// Asks whether the user wants the program to stop. From the first call on, a signal to stop is
/// kept for the next call; before it, the signal ends the program.
using Interrupted = std::function<bool()>;

/// Where a command writes: results to `out`, errors and warnings to `err`.
struct Streams {
  std::ostream& out;
  std::ostream& err;
  std::size_t
      columns;  ///< of the terminal behind `out`, where progress is redrawn in place; 0: none
  bool out_colors = false;  ///< `out` is a terminal that may show colours
  bool err_colors = false;
};

/// Runs `mvsgd ARGS...`. Turns an exception into one line on `err` and an exit code. Bits are
/// compared with `law`, which tests alter. `interrupted` may be empty: never.
[[nodiscard]] Exit run_command(const std::vector<std::string>& args, const Streams& streams,
                               const LawConstants& law = {}, const Interrupted& interrupted = {});

}  // namespace mvsgd::sim
