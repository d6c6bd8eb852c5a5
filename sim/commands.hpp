// The subcommands of mvsgd: each adds its options to the program's, and is what runs when it is
// named.
#pragma once

#include <functional>

#include "sim/command_line.hpp"

namespace CLI {
class App;
}

namespace mvsgd::sim {

struct CommandContext {
  const Streams& streams;
  const LawConstants& law;
};

/// What the parsed command line asks for.
using Action = std::function<Exit()>;

// Each adds one subcommand to `app`; parsing it sets `chosen`, which must outlive the parsing, as
// the context must outlive the action. An action throws what run_command() has an exit code for.

void add_train(CLI::App& app, const CommandContext& context, Action& chosen);
void add_verify(CLI::App& app, const CommandContext& context, Action& chosen);
void add_data(CLI::App& app, const CommandContext& context, Action& chosen);
void add_report(CLI::App& app, const CommandContext& context, Action& chosen);
void add_presets(CLI::App& app, const CommandContext& context, Action& chosen);
void add_info(CLI::App& app, const CommandContext& context, Action& chosen);

}  // namespace mvsgd::sim
