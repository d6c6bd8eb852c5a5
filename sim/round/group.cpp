#include "sim/round/group.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "comm/inproc/inproc.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/leader.hpp"

namespace mvsgd::sim {
namespace {

/// The threads of a group: the first that throws ends the others' waits, and its exception counts.
class Threads {
 public:
  explicit Threads(comm::InprocGroup& group) : group_(&group) {}

  template <typename Work>
  void guard(std::uint32_t rank, const Work& work) {
    try {
      work();
    } catch (const std::exception& e) {
      {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
      }
      group_->fail(rank, e.what());
    }
  }

  template <typename Work>
  void start(std::uint32_t rank, const Work& work) {
    threads_.emplace_back([this, rank, work] { guard(rank, work); });
  }

  void join() {
    threads_.clear();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  comm::InprocGroup* group_;
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;  // last: joined before what the threads use goes
};

}  // namespace

GroupState initial_state(std::uint32_t workers, std::vector<float> theta,
                         const std::vector<float>& buffers) {
  GroupState state;
  state.workers.resize(workers);
  for (WorkerState& worker : state.workers) worker.buffers = buffers;
  state.server.theta = std::move(theta);
  return state;
}

namespace {

/// A worker that trains alone: plain SGD, and nobody to talk to.
class LoneWorker final : public Leader {
 public:
  LoneWorker(const LeaderContext& leader, const WorkerContext& worker,
             std::unique_ptr<WorkerArrays> arrays, std::vector<float> theta, WorkerState& state)
      : Leader(leader), context_(worker), arrays_(std::move(arrays)), state_(&state) {
    arrays_->put({.theta = std::move(theta), .e = {}});
  }

  [[nodiscard]] std::vector<float> take_theta() { return arrays_->take().theta; }

 private:
  void lead(RoundRecord& record) override {
    close();
    WorkerReport report =
        take_local_steps(context_, record.round, 0, *arrays_, state_->buffers,
                         [&](const FlatView& theta_h) { arrays_->move_to(theta_h); });
    context_.telemetry.add(record.round.t, 0, report);
    ask_for_pause(record.round);
  }
  [[nodiscard]] Evaluation evaluate(const Round& /*round*/, const Evaluate& evaluate) override {
    return evaluate(arrays_->read_theta(), state_->buffers);
  }

  WorkerContext context_;
  std::unique_ptr<WorkerArrays> arrays_;
  WorkerState* state_;
};

std::unique_ptr<WorkerArrays> arrays_of(const GroupContext& context, std::uint32_t worker) {
  if (context.make_arrays) return context.make_arrays(worker);
  return std::make_unique<HostArrays>();
}

void run_alone(const LeaderContext& leader, const WorkerContext& worker,
               const GroupContext& context, GroupState& state) {
  LoneWorker alone(leader, worker, arrays_of(context, 0), std::move(state.server.theta),
                   state.workers.front());
  alone.run();
  alone.close();
  state.server.theta = alone.take_theta();
}

void run_with_server(const LeaderContext& leader, const WorkerContext& worker,
                     const GroupContext& context, GroupState& state) {
  const Settings& settings = context.settings;
  comm::InprocGroup group(settings.workers, leader.ledger, std::chrono::seconds(settings.deadline),
                          context.on_message);
  std::vector<std::span<const compress::Index>> last_votes;
  for (const WorkerState& of : state.workers) last_votes.emplace_back(of.vote);
  Server server({.protocol = worker.protocol,
                 .settings = settings,
                 .leader = leader,
                 .on_counts = context.on_counts},
                group.end(settings.workers), std::move(state.server), last_votes,
                state.workers.front().buffers.size());
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    workers.push_back(std::make_unique<Worker>(worker, group.end(n), arrays_of(context, n),
                                               std::move(state.workers.at(n))));
  }

  Threads threads(group);
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    threads.start(n, [&worker = *workers[n]] { worker.run(); });
  }
  threads.guard(settings.workers, [&] { server.run(); });
  threads.join();
  server.close();

  state.server = server.take();
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    state.workers[n] = workers[n]->take();
    if (state.workers[n].theta != state.server.theta ||
        state.workers[n].mask != state.server.mask) {
      throw CheckFailed(fmt::format("worker {}'s parameters or mask differ from the server's", n));
    }
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
  const Protocol protocol = make_protocol(settings, state.server.theta.size());
  Pause pause;
  comm::Ledger ledger;
  const LeaderContext leader{.rounds = rounds,
                             .pause = pause,
                             .ledger = ledger,
                             .pause_after = context.pause_after,
                             .evaluate = context.evaluate,
                             .on_closed = [&](const RoundRecord& record) {
                               state.t = record.round.t;
                               if (context.on_closed) context.on_closed(record);
                             }};
  const WorkerContext worker{.protocol = protocol,
                             .settings = settings,
                             .rounds = rounds,
                             .pause = pause,
                             .update = context.update,
                             .slots = context.slots,
                             .telemetry = context.telemetry};
  settings.scheme->sends() ? run_with_server(leader, worker, context, state)
                           : run_alone(leader, worker, context, state);
  return state;
}

}  // namespace mvsgd::sim
