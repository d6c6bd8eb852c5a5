// A command that several processes run together.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "comm/processes.hpp"
#include "sim/cli/commands.hpp"

namespace mvsgd::sim {

/// The transport of threads, which every build has.
inline constexpr std::string_view kThreads = "threads";

using ProcessAction = std::function<Exit(comm::Processes&, const CommandContext&)>;

/// The names that --transport takes in this build.
[[nodiscard]] std::vector<std::string> transports_built();

/// A line of `info` for each transport between processes: what its library is; "" without one.
[[nodiscard]] std::string transports_text();

/// Runs `work` in the processes that the transport of this name finds, with a context whose output
/// is no terminal if there is a launcher: some give each process one, whoever reads it. Process 0
/// alone tells what has gone wrong, wherever it has, and all return the same code. Throws
/// UsageError if the build has no such transport, or a launcher has started many and the transport
/// is of one; InputError if the processes have not been started as they must be.
[[nodiscard]] Exit in_processes(std::string_view transport, const CommandContext& context,
                                const ProcessAction& work);

}  // namespace mvsgd::sim
