// A group of workers and their server, run through a schedule.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "comm/group.hpp"
#include "sim/plan/layers.hpp"
#include "sim/round/local_update.hpp"
#include "sim/round/server.hpp"
#include "sim/round/slots.hpp"
#include "sim/round/worker.hpp"

namespace mvsgd::sim {

/// A group between two rounds: everything that the next round needs. A process that runs only some
/// of the ranks holds the state of these; of the others it needs the sizes alone.
struct GroupState {
  std::uint32_t t = 0;  ///< rounds done
  std::vector<WorkerState> workers;
  ServerState server;
};

/// The state before round 1. The server begins with `theta`; its first message brings it to the
/// workers. Every worker begins with `buffers`.
[[nodiscard]] GroupState initial_state(std::uint32_t workers, std::vector<float> theta,
                                       const std::vector<float>& buffers);

/// The context in which this process's ranks run, or a worker that trains alone and sends nothing.
/// Everything referred to must outlive the call. A process without the server does not use the
/// server's members.
struct GroupContext {
  comm::Group& group;
  const Settings& settings;
  /// With selection = layer the model's tensors; none: it is one.
  std::optional<Layers> layers = {};
  std::span<const Round> rounds;  ///< all rounds of the run, from round 1 on
  LocalUpdate& update;
  MakeArrays make_arrays = {};  ///< empty: on the host
  Slots& slots;
  Evaluate evaluate = {};                                  ///< the server's; may be empty
  std::function<void(const RoundRecord&)> on_closed = {};  ///< the server's; may be empty
  CountsObserver on_counts = {};                           ///< the server's; may be empty
  PauseAfter pause_after = {};                             ///< the server's; may be empty: never
  GiveUp* give_up = nullptr;                               ///< null: no round is given up
  /// Of a group over several processes, when a round has been given up and its messages are at an
  /// end: brings the server's process the parts of workers elsewhere, and their masks.
  std::function<void(GroupState&)> on_given_up = {};
};

/// Runs the rounds that `state` has not done yet, up to a pause or the last one. Every process of
/// the group calls it. Neither pauses nor the division into processes change a bit of a run.
///
/// Where a round is given up (GiveUp), the state is that after the round before; the next call does
/// the round again, to the same bits. Where the group is not all here, `give_up` is restarted by
/// the caller, before another process can begin a round. Where `evaluate` throws EvaluationGivenUp,
/// the state is that after the round, whose record says so; after the last round there is no state,
/// and EvaluationGivenUp is thrown.
///
/// A pause ends the threads of all ranks, and the next call starts new ones: nothing but the state
/// outlives a pause. The server's process then has all of the state, except theta and mask of
/// workers elsewhere; these equal the server's.
///
/// If one rank fails, the waits of all others end, and the first exception of this process is
/// thrown again. Of several NonFiniteErrors of a round, the one that is_before() the others is
/// thrown, so that a run that diverges always gives the same error. Throws CheckFailed if at the
/// end the digest of a worker's parameters or mask, rebuilt from messages, differs from the
/// server's. Throws std::invalid_argument if no round is left, or if a round is sparse and the
/// scheme has no sparse rounds.
[[nodiscard]] GroupState run_group(const GroupContext& context, GroupState state);

}  // namespace mvsgd::sim
