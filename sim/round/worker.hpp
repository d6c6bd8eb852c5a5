// A worker: the worker's side of Algorithms 1 and 2, whatever the scheme.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "comm/transport.hpp"
#include "compress/select/index.hpp"
#include "compress/values/quantizer.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/local_update.hpp"
#include "sim/round/protocol.hpp"
#include "sim/round/slots.hpp"
#include "sim/round/sparse_rounds.hpp"
#include "sim/round/telemetry.hpp"
#include "sim/round/worker_arrays.hpp"

namespace mvsgd::sim {

/// What a worker carries from one round to the next.
struct WorkerState {
  std::vector<float> theta;  ///< theta_t, [d]; the first message brings it
  std::vector<float> e;      ///< e_{n,t}, [d]; D (Algorithm 1 line 9) between computing and sending
  std::vector<float> velocity{};      ///< of SGD with momentum, [d]; empty if the run has none
  std::vector<float> buffers;         ///< batch-norm statistics
  std::vector<compress::Index> vote;  ///< supp of the last vote, M_{n,t} or M~_{n,t}; none at first
  float threshold = 0;                ///< the K-th magnitude of that vote: a hint for the next one
  /// With selection = layer such hints for each layer. No checkpoint has them: they affect only
  /// the time.
  std::vector<float> layer_thresholds{};
  std::vector<compress::Index> mask;  ///< supp M_t; empty at first
};

/// Lets go of theta, e and velocity and of their memory: of a worker that another process has.
void let_go_of_vectors(WorkerState& worker);

/// Each worker's last vote, [N], as views into `workers`.
[[nodiscard]] std::vector<std::span<const compress::Index>> votes_of(
    std::span<const WorkerState> workers);

/// What all workers of a run share. Everything referred to must outlive the workers.
struct WorkerContext {
  const Protocols& protocols;
  const Settings& settings;
  std::span<const Round> rounds;  ///< the rounds to run
  LocalUpdate& update;
  Slots& slots;
  GiveUp& give_up;
};

/// One round as a worker sees it, and its scheme if the round is sparse.
class WorkerRound {
 public:
  WorkerRound(const WorkerContext& context, const Round& round, comm::Transport& transport,
              WorkerState& state, WorkerArrays& arrays)
      : context_(&context),
        round_(&round),
        transport_(&transport),
        state_(&state),
        arrays_(&arrays) {}

  [[nodiscard]] const Round& round() const { return *round_; }
  [[nodiscard]] const Protocol& protocol() const { return context_->protocols.of(*round_); }
  [[nodiscard]] WorkerState& state() { return *state_; }  ///< theta and e are in arrays()
  [[nodiscard]] WorkerArrays& arrays() { return *arrays_; }

  /// Sends a vote, or one list of its change. `positions` are increasing.
  void send_positions(comm::Kind kind, std::span<const compress::Index> positions);
  /// Sends the values of D at `support`; the error memory keeps the rest. With momentum correction
  /// the velocity is then 0 there. `vote` is this round's
  /// vote, which the server has, too.
  void send_update(std::span<const compress::Index> support,
                   std::span<const compress::Index> vote = {});
  void receive_mask();
  /// Brings the values of D under the mask to all workers, and adds the mean of all theirs to
  /// theta: by send_update() and receive_aggregate(), or where the workers sum, by reduce().
  void exchange_values(std::span<const compress::Index> vote = {});
  /// Receives the aggregate of all workers' values under the mask and adds it to theta.
  void receive_aggregate();
  /// Turns the values that each worker that takes part has into what theta moves by: their mean, or
  /// sum. They go around the ring of these workers, and the first tells the server the sum. Returns
  /// when the round cannot be given up any more.
  void reduce(std::span<float> values);
  /// Whether all stop after this round; when the server has said so.
  [[nodiscard]] bool receive_pause();

 private:
  struct Taken {
    std::vector<float> values;                     ///< as they are received
    std::optional<compress::Quantized> quantized;  ///< where they go on the wire as such
  };
  /// Takes the values at `support` out of D, whose rest is e.
  [[nodiscard]] Taken take_values(std::span<const compress::Index> support);

  const WorkerContext* context_;
  const Round* round_;
  comm::Transport* transport_;
  WorkerState* state_;
  WorkerArrays* arrays_;
  std::optional<bool> pauses_;
};

/// One worker, run by a thread of its own. Its state is theta, rebuilt only from decoded messages,
/// the error memory e, its batch-norm buffers and, with momentum, its velocity: 2d or 3d floats and
/// a few. If rounds can be given up, it also keeps a copy of e and velocity from the round's
/// beginning.
class Worker {
 public:
  Worker(const WorkerContext& context, comm::Transport& transport,
         std::unique_ptr<WorkerArrays> arrays, WorkerState state);

  /// Takes part in every round until the pause unless it is absent, and reports each. Before round
  /// 1 it receives the initial model. Returns the last round.
  std::uint32_t run();

  /// Hands over its state for the next round. To be called after run().
  [[nodiscard]] WorkerState take();
  /// To be called instead if run() has thrown in a round that is given up: the state at the round's
  /// beginning.
  [[nodiscard]] WorkerState take_back();
  /// The round before that one.
  [[nodiscard]] std::uint32_t kept_after() const { return kept_after_; }

 private:
  void keep();
  /// The worker's part in a round: local steps and every message of it.
  [[nodiscard]] WorkerReport take_part(WorkerRound& here);
  /// Adds what `worker_metrics` has of the worker after a round. O(d).
  void measure(WorkerReport& report);
  /// A round from which the worker is absent: receives what the server sends to all.
  void follow(WorkerRound& here);
  void exchange_dense(WorkerRound& here);
  void receive_dense(const Round& round);

  WorkerContext context_;
  comm::Transport* transport_;
  WorkerState state_;  ///< theta and e are in arrays_ while it runs
  WorkerState kept_;   ///< what the round began with, but for theta and e
  std::uint32_t kept_after_ = 0;
  std::unique_ptr<WorkerArrays> arrays_;
};

/// Runs a worker's local steps in a compute slot and calls use(theta_h) with their result while the
/// slot is held. Returns the report, without what follows only from messages.
template <typename Use>
[[nodiscard]] WorkerReport take_local_steps(const WorkerContext& context, const Round& round,
                                            std::uint32_t worker, const WorkerArrays& arrays,
                                            WorkerState& state, const Use& use) {
  WorkerReport report;
  report.steps = round.steps;
  const Slots::Lease slot(context.slots, worker);
  // Of many workers most wait for a slot. When a run stops, none of them begins to compute.
  context.give_up.check();
  LocalResult local;
  {
    const PhaseTimer timer(report.phases.local_steps);
    local = context.update.run(slot.index(), round, worker, arrays.theta(),
                               {.buffers = state.buffers, .velocity = state.velocity});
  }
  const PhaseTimer timer(report.phases.vote);
  report.loss = local.loss;
  report.images = local.images;
  use(local.theta);
  return report;
}

}  // namespace mvsgd::sim
