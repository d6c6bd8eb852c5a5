// A group: N worker threads and the server, or a worker alone, run through a schedule.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "comm/transport.hpp"
#include "sim/round/local_update.hpp"
#include "sim/round/server.hpp"
#include "sim/round/slots.hpp"
#include "sim/round/telemetry.hpp"
#include "sim/round/worker.hpp"

namespace mvsgd::sim {

/// A group between two rounds: all that the next one needs.
struct GroupState {
  std::uint32_t t = 0;  ///< rounds done
  std::vector<WorkerState> workers;
  ServerState server;
};

/// The state before round 1. Of `theta` the workers learn from the server's first message;
/// `buffers` every one of them begins with.
[[nodiscard]] GroupState initial_state(std::uint32_t workers, std::vector<float> theta,
                                       const std::vector<float>& buffers);

/// What a group runs on. Everything referred to must outlive the call.
struct GroupContext {
  const Settings& settings;
  std::span<const Round> rounds;  ///< all of the run, from round 1 on
  LocalUpdate& update;
  MakeArrays make_arrays = {};  ///< empty: on the host
  Slots& slots;
  Telemetry& telemetry;
  Evaluate evaluate;                                  ///< may be empty
  std::function<void(const RoundRecord&)> on_closed;  ///< may be empty; t = 0 comes first
  comm::WireObserver on_message;                      ///< may be empty
  CountsObserver on_counts;                           ///< may be empty
  PauseAfter pause_after;                             ///< may be empty: never
};

/// Runs the rounds that `state` has still before it, to the last one or to a pause: over the
/// in-process transport, or on one worker that trains alone where the scheme sends nothing. Where a
/// run is cut by pauses changes no bit of it: a pause ends all threads, and what comes after it
/// begins with a new transport, ledger and protocol.
///
/// If one thread fails the others' waits end, and what that thread threw is thrown. Throws
/// CheckFailed if in the end a worker's parameters or mask, which it has rebuilt from messages, are
/// not the server's; std::invalid_argument if no round is left.
[[nodiscard]] GroupState run_group(const GroupContext& context, GroupState state);

}  // namespace mvsgd::sim
