// A group of workers and their server, run through a schedule.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "comm/group.hpp"
#include "sim/round/local_update.hpp"
#include "sim/round/server.hpp"
#include "sim/round/slots.hpp"
#include "sim/round/worker.hpp"

namespace mvsgd::sim {

/// A group between two rounds: all that the next one needs. In a process that has not all ranks,
/// the state of those that it has; of the others sizes count alone.
struct GroupState {
  std::uint32_t t = 0;  ///< rounds done
  std::vector<WorkerState> workers;
  ServerState server;
};

/// The state before round 1. Of `theta` the workers learn from the server's first message;
/// `buffers` every one of them begins with.
[[nodiscard]] GroupState initial_state(std::uint32_t workers, std::vector<float> theta,
                                       const std::vector<float>& buffers);

/// What the ranks of this process run on, or a worker that trains alone, which sends nothing.
/// Everything referred to must outlive the call. What is of the server is not used where the server
/// is not.
struct GroupContext {
  comm::Group& group;
  const Settings& settings;
  std::span<const Round> rounds;  ///< all of the run, from round 1 on
  LocalUpdate& update;
  MakeArrays make_arrays = {};  ///< empty: on the host
  Slots& slots;
  Evaluate evaluate;                                  ///< the server's; may be empty
  std::function<void(const RoundRecord&)> on_closed;  ///< the server's; may be empty
  CountsObserver on_counts;                           ///< the server's; may be empty
  PauseAfter pause_after;                             ///< the server's; may be empty: never
};

/// Runs the rounds that `state` has still before it, to the last one or to a pause; every process
/// of the group calls it. Where a run is cut by pauses, or into processes, changes no bit of it.
///
/// A pause ends the threads of all ranks, and the next call makes them anew: nothing is alive in a
/// pause but the state. Where the server is, that is the whole state but for the theta and mask of
/// workers that are elsewhere, which are the server's.
///
/// If one rank fails the others' waits end, and what the first of this process threw is thrown.
/// Throws CheckFailed if in the end a worker's parameters or mask, which it has rebuilt from
/// messages, are not the server's, by their digests; std::invalid_argument if no round is left, or
/// one is sparse and the scheme has no such rounds.
[[nodiscard]] GroupState run_group(const GroupContext& context, GroupState state);

}  // namespace mvsgd::sim
