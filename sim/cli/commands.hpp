// The subcommands of mvsgd: each adds its options to the program's, and is what runs when it is
// named.
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

/// How much train and data fetch tell while they work; errors are always told.
enum class LogLevel : std::uint8_t {
  error,  ///< nothing else
  warn,   ///< also what may be wrong, though the command goes on
  info,   ///< also progress and, at the end, a summary
  debug,  ///< also a line for every round
};

struct CommandContext {
  const Streams& streams;
  const LawConstants& law;
  const Interrupted& interrupted;
  LogLevel level = LogLevel::info;
};

/// What the parsed command line asks for.
using Action = std::function<Exit()>;

// Each adds one subcommand to `app`; parsing it sets `chosen`, which must outlive the parsing, as
// the context must outlive the action. An action throws what run_command() has an exit code for.

void add_train(CLI::App& app, const CommandContext& context, Action& chosen);
void add_evaluate(CLI::App& app, const CommandContext& context, Action& chosen);
void add_verify(CLI::App& app, const CommandContext& context, Action& chosen);
void add_data(CLI::App& app, const CommandContext& context, Action& chosen);
void add_reproduce(CLI::App& app, const CommandContext& context, Action& chosen);
void add_report(CLI::App& app, const CommandContext& context, Action& chosen);
void add_presets(CLI::App& app, const CommandContext& context, Action& chosen);
void add_info(CLI::App& app, const CommandContext& context, Action& chosen);
void add_manual(CLI::App& app, const CommandContext& context, Action& chosen);  ///< man, completion

/// The streams for progress and summaries: the context's from LogLevel::info on; below it `out` is
/// `silent`, which has no buffer.
[[nodiscard]] Streams progress_streams(const CommandContext& context, std::ostream& silent);

/// Tells, from LogLevel::warn on, what may be wrong though the command goes on: a line on `err`.
void warn(const CommandContext& context, std::string_view text);

/// Runs `work`. What it throws becomes a line on `err` and an exit code.
[[nodiscard]] Exit with_exit_code(const Streams& streams, const Action& work);

/// `text` in red where `colors` may be shown.
[[nodiscard]] std::string in_red(std::string_view text, bool colors);

}  // namespace mvsgd::sim
