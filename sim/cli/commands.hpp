// The subcommands of mvsgd. Each adds its options to the program's and runs when the user names it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "sim/cli/command_line.hpp"

namespace CLI {
class App;
}

namespace mvsgd::sim {

/// How much train and data fetch print while they work. Errors are always printed.
enum class LogLevel : std::uint8_t {
  error,  ///< nothing but errors
  warn,   ///< also what may be wrong although the command goes on
  info,   ///< also progress and, at the end, a summary
  debug,  ///< also a line for every round
};

struct CommandContext {
  const Streams& streams;
  const LawConstants& law;
  const Interrupted& interrupted;
  LogLevel level = LogLevel::info;
};

/// The action that the parsed command line asks for.
using Action = std::function<Exit()>;

// Each adds one subcommand to `app`. Parsing it sets `chosen`, which must outlive the parsing; the
// context must outlive the action. An action throws the exceptions for which run_command() has an
// exit code.

void add_train(CLI::App& app, const CommandContext& context, Action& chosen);
void add_evaluate(CLI::App& app, const CommandContext& context, Action& chosen);
void add_verify(CLI::App& app, const CommandContext& context, Action& chosen);
void add_data(CLI::App& app, const CommandContext& context, Action& chosen);
void add_reproduce(CLI::App& app, const CommandContext& context, Action& chosen);
void add_report(CLI::App& app, const CommandContext& context, Action& chosen);
void add_presets(CLI::App& app, const CommandContext& context, Action& chosen);
void add_info(CLI::App& app, const CommandContext& context, Action& chosen);
void add_manual(CLI::App& app, const CommandContext& context, Action& chosen);  ///< man, completion

/// The streams for progress and summaries: the context's from LogLevel::info on. Below that level,
/// `out` is `silent`, which must have no buffer.
[[nodiscard]] Streams progress_streams(const CommandContext& context, std::ostream& silent);

/// From LogLevel::warn on, writes a line to `err` about what may be wrong although the command goes
/// on.
void warn(const CommandContext& context, std::string_view text);

/// Runs `work`. An exception becomes a line on `err` and an exit code.
[[nodiscard]] Exit with_exit_code(const Streams& streams, const Action& work);

/// `text` in red if `colors` is true.
[[nodiscard]] std::string in_red(std::string_view text, bool colors);

}  // namespace mvsgd::sim
