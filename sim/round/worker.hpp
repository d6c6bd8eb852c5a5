// A worker: Algorithms 1 and 2 and the top-K baseline, the worker side.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "comm/transport.hpp"
#include "compress/select/top_k.hpp"
#include "compress/vote/add_drop.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/round/local_update.hpp"
#include "sim/round/protocol.hpp"
#include "sim/round/slots.hpp"
#include "sim/round/telemetry.hpp"
#include "sim/round/worker_arrays.hpp"

namespace mvsgd::sim {

/// What a worker carries from one round to the next.
struct WorkerState {
  std::vector<float> theta;  ///< theta_t, [d]; the first message brings it
  std::vector<float> e;  ///< e_{n,t}, [d]; D of Algorithm 1 line 9 between computing and sending
  std::vector<float> buffers;         ///< batch-norm statistics
  std::vector<compress::Index> vote;  ///< supp of the last vote, M_{n,t} or AD's own; none at first
  float threshold = 0;  ///< the K-th magnitude of that vote: where to look for the next one's
  std::vector<compress::Index> mask;  ///< supp M_t; none at first
};

/// What all workers of a run share. Everything must outlive them.
struct WorkerContext {
  const Protocol& protocol;
  const Settings& settings;
  std::span<const Round> rounds;  ///< those to run
  LocalUpdate& update;
  Slots& slots;
};

/// One worker, run by a thread of its own (or, later, a process). Its state is theta, rebuilt only
/// from what it has decoded, the error memory e, and its batch-norm buffers: 2d floats and a few.
class Worker {
 public:
  Worker(const WorkerContext& context, comm::Transport& transport, WorkerState state);

  /// Takes part in every round until the pause, and reports each; before round 1 it receives the
  /// initial model. Returns the last round.
  std::uint32_t run();

  /// What it carries on, which it no longer has; after run().
  [[nodiscard]] WorkerState take();

 private:
  WorkerReport compute(const Round& round);
  /// e becomes D; returns what of it is voted for.
  [[nodiscard]] std::vector<compress::Index> choose_vote(const Round& round);
  void exchange_dense(const Round& round);
  void exchange_voted(const Round& round);
  void exchange_top_k(const Round& round);
  /// Sends the values of D at `support`; the memory keeps the rest.
  void send_update(const Round& round, std::span<const compress::Index> support);
  /// Receives what all workers' values under the mask came to, and moves theta by it.
  void receive_aggregate(const Round& round);
  void send_positions(const Round& round, comm::Kind kind,
                      std::span<const compress::Index> positions);
  void receive_mask(const Round& round);

  WorkerContext context_;
  comm::Transport* transport_;
  WorkerState state_;  ///< theta and e are in arrays_ while it runs
  std::unique_ptr<WorkerArrays> arrays_;
  std::vector<compress::Index> last_vote_;  ///< the one before state_.vote, in its round
  compress::VoteChange change_;             ///< how AD's vote came from it
};

}  // namespace mvsgd::sim
