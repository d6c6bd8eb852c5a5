#include "sim/group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "comm/inproc/inproc.hpp"
#include "sim/audit.hpp"
#include "sim/worker.hpp"

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

GroupResult run_group(const GroupContext& context, std::vector<float> theta,
                      const std::vector<float>& buffers, bool keep_errors) {
  const Settings& settings = context.settings;
  const Protocol protocol = make_protocol(settings, theta.size());
  comm::Ledger ledger;
  comm::InprocGroup group(settings.workers, ledger, std::chrono::seconds(settings.deadline),
                          context.on_message);
  const WorkerContext worker_context{.protocol = protocol,
                                     .settings = settings,
                                     .rounds = context.rounds,
                                     .update = context.update,
                                     .slots = context.slots,
                                     .telemetry = context.telemetry};
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    workers.push_back(std::make_unique<Worker>(worker_context, group.end(n), buffers));
  }
  Server server({.protocol = protocol,
                 .settings = settings,
                 .rounds = context.rounds,
                 .ledger = ledger,
                 .evaluate = context.evaluate,
                 .on_closed = context.on_closed,
                 .on_counts = context.on_counts},
                group.end(settings.workers), std::move(theta), buffers.size());

  Threads threads(group);
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    threads.start(n, [&worker = *workers[n]] { worker.run(); });
  }
  threads.guard(settings.workers, [&] { server.run(); });
  threads.join();
  server.close();

  GroupResult result;
  result.theta.assign(server.theta().begin(), server.theta().end());
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    if (!std::ranges::equal(workers[n]->theta(), result.theta)) {
      throw CheckFailed(fmt::format("worker {}'s parameters differ from the server's", n));
    }
    if (keep_errors) {
      result.errors.emplace_back(workers[n]->error().begin(), workers[n]->error().end());
    }
  }
  return result;
}

}  // namespace mvsgd::sim
