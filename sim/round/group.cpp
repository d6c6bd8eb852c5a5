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

void run_ranks(const LeaderContext& leader, const WorkerContext& worker,
               const GroupContext& context, GroupState& state) {
  comm::Group& group = context.group;
  const std::size_t d = worker.protocols.last().d;
  const bool server_is_here = group.is_here(group.server());
  std::optional<Server> server;
  if (server_is_here) {
    server.emplace(ServerContext{.protocols = worker.protocols,
                                 .settings = context.settings,
                                 .leader = leader,
                                 .on_counts = context.on_counts},
                   group.end(group.server()), std::move(state.server), votes_of(state.workers),
                   state.workers.front().buffers.size());
    // What workers elsewhere have brought for a checkpoint is old from now on.
    for (std::uint32_t n = 0; n < group.workers(); ++n) {
      if (!group.is_here(n)) let_go_of_vectors(state.workers.at(n));
    }
  }
  const auto work = [&](comm::Transport& end) {
    WorkerState& own = state.workers.at(end.rank());
    Worker here(worker, end, arrays_of(context, end.rank()), std::move(own));
    std::uint32_t t = 0;
    try {
      t = here.run();
    } catch (...) {
      if (worker.give_up.is_possible()) own = here.take_back();
      if (end.rank() == group.here().back()) state.t = here.kept_after();
      throw;
    }
    own = here.take();
    send_digest(end, digest_of(own.theta, own.mask));
    if (!server_is_here) send_part(end, own);
    if (end.rank() == group.here().back()) state.t = t;
  };
  const auto serve = [&](comm::Transport& end) {
    state.t = server->run();
    state.server = server->take();
    check_digests(end, digest_of(state.server.theta, state.server.mask));
    for (std::uint32_t n = 0; n < group.workers(); ++n) {
      if (!group.is_here(n)) state.workers.at(n) = receive_part(end, n, d);
    }
  };
  FirstDivergence divergence;
  const auto run = [&](comm::Transport& end) {
    try {
      end.rank() == group.server() ? serve(end) : work(end);
    } catch (const NonFiniteError& e) {
      divergence.note(e);
      worker.give_up.leave();
      throw;
    } catch (...) {
      worker.give_up.leave();
      throw;
    }
  };
  const auto end_before_the_round = [&] {
    if (server) {
      state.t = std::max(state.t, server->last_closed());
      state.server = server->take();
    }
    if (context.on_given_up) context.on_given_up(state);
    if (!server) return;
    state.server.mask = state.workers.front().mask;
    // With the K of the last round that is done: the votes are its.
    const Protocol& protocol =
        state.t > 0 ? worker.protocols.of(context.rounds[state.t - 1]) : worker.protocols.last();
    state.server.kept = kept_after(context.settings, protocol, state.workers);
  };
  try {
    group.run(run);
  } catch (const NonFiniteError&) {
    divergence.rethrow();
  } catch (const RoundGivenUp&) {
    end_before_the_round();
  } catch (const comm::TransportError&) {
    // Heard of a failure elsewhere before its own, which says more.
    if (divergence) divergence.rethrow();
    // Whose ranks all waited when another process gave the round up.
    if (!worker.give_up.is_given_up()) throw;
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
  settings.scheme->sends() ? run_ranks(leader, worker, context, state)
                           : run_alone(leader, worker, context, state);
  return state;
}

}  // namespace mvsgd::sim
