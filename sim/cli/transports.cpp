#include "sim/cli/transports.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>

#include "comm/inproc/one_process.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/local_update.hpp"
#include "sim/train/backend_list.hpp"

namespace mvsgd::sim {
namespace {

std::unique_ptr<comm::Processes> open(std::string_view transport) {
  if (transport == kThreads) {
    for (const comm::TransportEntry& entry : transport_list()) {
      if (const std::uint32_t count = entry.launched(); count > 1) {
        throw UsageError(
            fmt::format("a launcher has started {0} processes, each of which would do all of the "
                        "run: --transport {1} makes them one",
                        count, entry.name));
      }
    }
    return std::make_unique<comm::OneProcess>();
  }
  const auto entry = std::ranges::find(transport_list(), transport, &comm::TransportEntry::name);
  if (entry == transport_list().end()) {
    throw UsageError(fmt::format("--transport {}: this build has {}", transport,
                                 fmt::join(transports_built(), ", ")));
  }
  try {
    return entry->open();
  } catch (const comm::TransportError& e) {
    throw InputError(fmt::format("--transport {}: {}", transport, e.what()));
  }
}

/// How an action has ended here.
struct Ending {
  Exit code = Exit::good;
  bool is_own = true;  ///< it has not failed because another process has
  std::optional<comm::Processes::Place> place;
  std::string text;
};

Ending run(comm::Processes& processes, const std::function<Exit(comm::Processes&)>& work) {
  Ending ending;
  std::ostream silent(nullptr);
  ending.code = with_exit_code({.out = silent, .err = silent, .columns = 0}, [&] {
    try {
      return work(processes);
    } catch (const comm::TransportError& e) {
      ending.is_own = !processes.failed_elsewhere();
      ending.text = e.what();
      throw;
    } catch (const NonFiniteError& e) {
      ending.place = e.place();
      ending.text = e.what();
      throw;
    } catch (const std::exception& e) {
      ending.text = e.what();
      throw;
    }
  });
  return ending;
}

}  // namespace

std::vector<std::string> transports_built() {
  std::vector<std::string> names{std::string(kThreads)};
  for (const comm::TransportEntry& entry : transport_list()) names.emplace_back(entry.name);
  return names;
}

std::string transports_text() {
  std::string text;
  for (const comm::TransportEntry& entry : transport_list()) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : "; ", entry.name, entry.describe());
  }
  return text;
}

Exit in_processes(std::string_view transport, const CommandContext& context,
                  const ProcessAction& work) {
  const std::unique_ptr<comm::Processes> processes = open(transport);
  if (processes->count() == 1 && transport == kThreads) {
    return work(*processes, context);
  }
  const Streams streams{.out = context.streams.out,
                        .err = context.streams.err,
                        .columns = 0,
                        .out_colors = false,
                        .err_colors = context.streams.err_colors};
  const CommandContext of_many{.streams = streams,
                               .law = context.law,
                               .interrupted = context.interrupted,
                               .level = context.level};
  const Ending ending = run(*processes, [&](comm::Processes& all) { return work(all, of_many); });
  const bool leads = processes->leads();
  const std::string named =
      leads ? ending.text
            : fmt::format("{}: {}", processes->name_of(processes->index()), ending.text);
  const comm::Processes::Farewell farewell =
      processes->leave({.code = static_cast<int>(ending.code),
                        .is_own = ending.is_own,
                        .in_haste = ending.code == Exit::interrupted,
                        .place = ending.place,
                        .text = named},
                       comm::kLongestDeadline);
  const auto tell = [&](std::string_view text) {
    fmt::print(context.streams.err, "{} {}\n", in_red("mvsgd:", context.streams.err_colors), text);
  };
  const bool is_alone = leads ? farewell.texts.empty() : !farewell.reached_zero;
  if (!ending.text.empty() && is_alone) tell(named);
  for (const std::string& text : farewell.texts) {
    // What is wrong in process 0's words elsewhere, too, is told once.
    if (!text.ends_with(": " + farewell.texts.front())) tell(text);
  }
  context.streams.out.flush();
  return static_cast<Exit>(farewell.code);
}

}  // namespace mvsgd::sim
