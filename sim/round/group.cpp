#include "sim/round/group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sim/plan/scheme.hpp"
#include "sim/round/control.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/leader.hpp"
#include "sim/round/server.hpp"
#include "sim/round/worker.hpp"

namespace mvsgd::sim {
GroupState initial_state(std::uint32_t workers, std::vector<float> theta,
                         const std::vector<float>& buffers) {
  GroupState state;
  state.workers.resize(workers);
  for (WorkerState& worker : state.workers) worker.buffers = buffers;
  state.server.theta = std::move(theta);
  return state;
}

namespace {

std::unique_ptr<WorkerArrays> arrays_of(const GroupContext& context, std::uint32_t worker) {
  if (context.make_arrays) return context.make_arrays(worker);
  return std::make_unique<HostArrays>();
}

/// A worker that trains alone by plain SGD and exchanges no messages.
class LoneWorker final : public Leader {
 public:
  LoneWorker(const LeaderContext& leader, const WorkerContext& worker,
             std::unique_ptr<WorkerArrays> arrays, std::vector<float> theta, WorkerState& state)
      : Leader(leader), context_(worker), arrays_(std::move(arrays)), state_(&state) {
    if (worker.settings.has_velocity()) state.velocity.resize(theta.size());
    arrays_->put({.theta = std::move(theta), .e = {}});
  }

  [[nodiscard]] std::vector<float> take_theta() { return arrays_->take().theta; }

 private:
  void lead(RoundRecord& record) override {
    record.report = take_local_steps(context_, record.round, 0, *arrays_, *state_,
                                     [&](const FlatView& theta_h) { arrays_->move_to(theta_h); });
    (void)pauses_after(record.round);
  }
  [[nodiscard]] std::vector<float> statistics(const Round& /*round*/) override {
    return state_->buffers;
  }
  [[nodiscard]] std::span<const float> theta() override { return arrays_->read_theta(); }
  void collect(RoundRecord& /*record*/) override {}

  WorkerContext context_;
  std::unique_ptr<WorkerArrays> arrays_;
  WorkerState* state_;
};

void run_alone(const LeaderContext& leader, const WorkerContext& worker,
               const GroupContext& context, GroupState& state) {
  LoneWorker alone(leader, worker, arrays_of(context, 0), std::move(state.server.theta),
                   state.workers.front());
  try {
    (void)alone.run();
  } catch (const RoundGivenUp&) {
    // Local steps work on the slot's parameters, so this worker's own are as before the round.
  }
  state.t = std::max(state.t, alone.last_closed());
  state.server.theta = alone.take_theta();
}

/// What a checkpoint keeps of a server's half after the workers' last votes.
KeptArrays kept_after(const Settings& settings, const Protocol& protocol,
                      const std::vector<WorkerState>& workers) {
  const SparseRounds* const sparse = settings.scheme->sparse();
  if (sparse == nullptr) return {};
  const std::unique_ptr<ServerSide> side = sparse->server(settings, protocol);
  side->take_votes(votes_of(workers));
  return side->keep();
}

/// Holds the divergence of a round that is_before() all others, whichever thread threw first.
class FirstDivergence {
 public:
  void note(const NonFiniteError& error) {
    const std::lock_guard lock(mutex_);
    if (first_ && !error.is_before(*first_)) return;
    // With a text of its own. Copies of an exception share theirs, which the last of their threads
    // frees; that the others have read it before, a count in the standard library orders, where no
    // sanitizer sees it.
    const auto [step, worker] = error.place();
    first_.emplace(error.what(), step, worker);
  }
  explicit operator bool() const { return first_.has_value(); }
  [[noreturn]] void rethrow() const { throw NonFiniteError(*first_); }

 private:
  std::mutex mutex_;
  std::optional<NonFiniteError> first_;
};

/// The ranks of this process.
class RanksHere {
 public:
  RanksHere(const LeaderContext& leader, const WorkerContext& worker, const GroupContext& context,
            GroupState& state);

  /// Runs them up to a pause, the last round, or one that is given up. The state is then that after
  /// the last round that is done.
  void run();

 private:
  void run_rank(comm::Transport& end);
  void work(comm::Transport& end);
  void serve(comm::Transport& end);
  void end_before_the_round();

  WorkerContext worker_;
  const GroupContext* context_;
  comm::Group* group_;
  GroupState* state_;
  std::optional<Server> server_;  // if it is here
  FirstDivergence divergence_;
};

RanksHere::RanksHere(const LeaderContext& leader, const WorkerContext& worker,
                     const GroupContext& context, GroupState& state)
    : worker_(worker), context_(&context), group_(&context.group), state_(&state) {
  if (!group_->is_here(group_->server())) return;
  server_.emplace(ServerContext{.protocols = worker.protocols,
                                .settings = context.settings,
                                .leader = leader,
                                .on_counts = context.on_counts},
                  group_->end(group_->server()), std::move(state.server), votes_of(state.workers),
                  state.workers.front().buffers.size());
  // What workers elsewhere have brought for a checkpoint is old from now on.
  for (std::uint32_t n = 0; n < group_->workers(); ++n) {
    if (!group_->is_here(n)) let_go_of_vectors(state.workers.at(n));
  }
}

void RanksHere::work(comm::Transport& end) {
  WorkerState& own = state_->workers.at(end.rank());
  const bool is_last_here = end.rank() == group_->here().back();
  Worker here(worker_, end, arrays_of(*context_, end.rank()), std::move(own));
  std::uint32_t t = 0;
  try {
    t = here.run();
  } catch (...) {
    if (worker_.give_up.is_possible()) own = here.take_back();
    if (is_last_here) state_->t = here.kept_after();
    throw;
  }
  own = here.take();
  send_digest(end, digest_of(own.theta, own.mask));
  if (!server_) send_part(end, own);
  if (is_last_here) state_->t = t;
}

void RanksHere::serve(comm::Transport& end) {
  state_->t = server_->run();
  state_->server = server_->take();
  check_digests(end, digest_of(state_->server.theta, state_->server.mask));
  const std::size_t d = state_->server.theta.size();
  for (std::uint32_t n = 0; n < group_->workers(); ++n) {
    if (!group_->is_here(n)) state_->workers.at(n) = receive_part(end, n, d);
  }
}

void RanksHere::run_rank(comm::Transport& end) {
  try {
    end.rank() == group_->server() ? serve(end) : work(end);
  } catch (const NonFiniteError& e) {
    divergence_.note(e);
    worker_.give_up.leave();
    throw;
  } catch (...) {
    worker_.give_up.leave();
    throw;
  }
}

void RanksHere::end_before_the_round() {
  if (server_) {
    state_->t = std::max(state_->t, server_->last_closed());
    state_->server = server_->take();
  }
  if (context_->on_given_up) context_->on_given_up(*state_);
  if (!server_) return;
  state_->server.mask = state_->workers.front().mask;
  // With the K of the last round that is done: the votes are its.
  const Protocols& protocols = worker_.protocols;
  const Protocol& protocol =
      state_->t > 0 ? protocols.of(context_->rounds[state_->t - 1]) : protocols.last();
  state_->server.kept = kept_after(context_->settings, protocol, state_->workers);
}

void RanksHere::run() {
  try {
    group_->run([this](comm::Transport& end) { run_rank(end); });
  } catch (const NonFiniteError&) {
    divergence_.rethrow();
  } catch (const RoundGivenUp&) {
    end_before_the_round();
  } catch (const comm::TransportError&) {
    // Heard of a failure elsewhere before its own, which says more.
    if (divergence_) divergence_.rethrow();
    // Whose ranks all waited when another process gave the round up.
    if (!worker_.give_up.is_given_up()) throw;
    end_before_the_round();
  }
}

}  // namespace

GroupState run_group(const GroupContext& context, GroupState state) {
  if (state.t >= context.rounds.size()) {
    throw std::invalid_argument(
        fmt::format("run_group: {} of {} rounds are done", state.t, context.rounds.size()));
  }
  const Settings& settings = context.settings;
  const std::span<const Round> rounds = context.rounds.subspan(state.t);
  const bool dense = std::ranges::all_of(rounds, &Round::dense);
  if (!dense && settings.scheme->sends() && settings.scheme->sparse() == nullptr) {
    throw std::invalid_argument(
        fmt::format("run_group: scheme {} has no sparse rounds", settings.scheme->name()));
  }
  GiveUp never({}, context.group.here().size());
  GiveUp& give_up = context.give_up != nullptr ? *context.give_up : never;
  const bool all_here = context.group.here().size() == context.group.workers() + std::size_t{1};
  if (all_here) give_up.restart();
  const Protocols protocols(settings, context.layers.value_or(Layers(state.server.theta.size())),
                            context.rounds);
  const LeaderContext leader{.rounds = rounds,
                             .pause_after = context.pause_after,
                             .evaluate = context.evaluate,
                             .on_closed = context.on_closed,
                             .give_up = give_up};
  const WorkerContext worker{.protocols = protocols,
                             .settings = settings,
                             .rounds = rounds,
                             .update = context.update,
                             .slots = context.slots,
                             .give_up = give_up};
  settings.scheme->sends() ? RanksHere(leader, worker, context, state).run()
                           : run_alone(leader, worker, context, state);
  return state;
}

}  // namespace mvsgd::sim
