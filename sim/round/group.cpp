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

GroupState run_group(const GroupContext& context, GroupState state) {
  if (state.t >= context.rounds.size()) {
    throw std::invalid_argument(
        fmt::format("run_group: {} of {} rounds are done", state.t, context.rounds.size()));
  }
  const Settings& settings = context.settings;
  const std::span<const Round> rounds = context.rounds.subspan(state.t);
  const Protocol protocol = make_protocol(settings, state.server.theta.size());
  const std::size_t buffers = state.workers.front().buffers.size();
  Pause pause;
  comm::Ledger ledger;
  comm::InprocGroup group(settings.workers, ledger, std::chrono::seconds(settings.deadline),
                          context.on_message);
  const WorkerContext worker_context{.protocol = protocol,
                                     .settings = settings,
                                     .rounds = rounds,
                                     .pause = pause,
                                     .update = context.update,
                                     .slots = context.slots,
                                     .telemetry = context.telemetry};
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    workers.push_back(
        std::make_unique<Worker>(worker_context, group.end(n), std::move(state.workers.at(n))));
  }
  Server server({.protocol = protocol,
                 .settings = settings,
                 .rounds = rounds,
                 .pause = pause,
                 .ledger = ledger,
                 .pause_after = context.pause_after,
                 .evaluate = context.evaluate,
                 .on_closed =
                     [&](const RoundRecord& record) {
                       state.t = record.round.t;
                       if (context.on_closed) context.on_closed(record);
                     },
                 .on_counts = context.on_counts},
                group.end(settings.workers), std::move(state.server), buffers);

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
  return state;
}

}  // namespace mvsgd::sim
