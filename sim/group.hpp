// A group: N worker threads and the server, run through a schedule.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "comm/transport.hpp"
#include "sim/local_update.hpp"
#include "sim/server.hpp"
#include "sim/slots.hpp"
#include "sim/telemetry.hpp"

namespace mvsgd::sim {

/// What a group runs on. Everything referred to must outlive the call.
struct GroupContext {
  const Settings& settings;
  std::span<const Round> rounds;
  LocalUpdate& update;
  Slots& slots;
  Telemetry& telemetry;
  Evaluate evaluate;                                  ///< may be empty
  std::function<void(const RoundRecord&)> on_closed;  ///< may be empty; t = 0 comes first
  comm::WireObserver on_message;                      ///< may be empty
  CountsObserver on_counts;                           ///< may be empty
};

struct GroupResult {
  std::vector<float> theta;                ///< the server's, [d]
  std::vector<std::vector<float>> errors;  ///< e_n after the last round, if asked for
};

/// Runs every round over the in-process transport. If one thread fails the others' waits end, and
/// what that thread threw is thrown. Throws CheckFailed if in the end a worker's parameters, which
/// it has rebuilt from messages, are not the server's.
[[nodiscard]] GroupResult run_group(const GroupContext& context, std::vector<float> theta,
                                    const std::vector<float>& buffers, bool keep_errors = false);

}  // namespace mvsgd::sim
