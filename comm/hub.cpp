#include "comm/hub.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "comm/group.hpp"

namespace mvsgd::comm {
namespace {

/// A clock goes on while the process is stopped: of that a wait counts no more than this.
constexpr std::chrono::milliseconds kSlice(1000);

}  // namespace

Hub::Hub(std::uint32_t workers, std::optional<std::chrono::milliseconds> deadline,
         std::function<void(const std::string& failure)> on_failure)
    : workers_(workers),
      deadline_(deadline),
      on_failure_(std::move(on_failure)),
      ranks_(std::size_t{workers} + 1) {
  if (deadline && (*deadline <= deadline->zero() || *deadline > kLongestDeadline)) {
    throw std::invalid_argument("a group of " + std::to_string(workers) +
                                " workers: a deadline of " + std::to_string(deadline->count()) +
                                " ms");
  }
  for (auto& queues : queues_) queues = std::vector<Queue>(2 * std::size_t{workers});
}

void Hub::all_begin() {
  const std::lock_guard lock(mutex_);
  for (Rank& rank : ranks_) rank.is_at_work = true;
  at_work_ = ranks_.size();
}

void Hub::ends(std::uint32_t rank) {
  std::unique_lock lock(mutex_);
  if (!std::exchange(ranks_.at(rank).is_at_work, false)) return;
  --at_work_;
  fail_if_none_can_come(lock);
}

void Hub::check_that_it_can_send(std::uint32_t rank) {
  const std::lock_guard lock(mutex_);
  if (failure_) throw TransportError(name_of(rank) + " cannot send: " + *failure_);
}

void Hub::deliver(Channel channel, std::uint32_t from, std::uint32_t to, SharedBytes bytes) {
  const std::lock_guard lock(mutex_);
  Queue& queue = between(channel, from, to);
  queue.messages.push_back(std::move(bytes));
  // From here on, not from when its thread wakes.
  if (const auto& wait = ranks_.at(to).wait; wait && wait->queue == &queue) end_wait(to);
  queue.arrived.notify_one();
}

SharedBytes Hub::receive(Channel channel, std::uint32_t from, std::uint32_t to,
                         const std::string& awaited) {
  const auto waited = [&] {
    return name_of(to) + " awaited " + awaited + " from " + name_of(from) + ": ";
  };
  {
    std::unique_lock lock(mutex_);
    Queue& queue = between(channel, from, to);
    bool in_time = true;
    if (!failure_ && queue.messages.empty()) {
      ranks_.at(to).wait = {.queue = &queue, .from = from, .awaited = awaited};
      ++waiting_;
      fail_if_none_can_come(lock);
      in_time = wait_for(lock, queue);
      end_wait(to);
    }
    if (failure_) throw TransportError(waited() + *failure_);
    if (in_time) {
      SharedBytes bytes = std::move(queue.messages.front());
      queue.messages.pop_front();
      return bytes;
    }
  }
  const std::string reason = waited() + "no message within the deadline of " +
                             std::to_string(deadline_->count()) + " ms (--deadline)";
  fail(to, reason);
  throw TransportError(reason);
}

/// Whether there is a message, or a failure, before the deadline.
bool Hub::wait_for(std::unique_lock<std::mutex>& lock, Queue& queue) const {
  const auto is_over = [&] { return failure_ || !queue.messages.empty(); };
  if (!deadline_) {
    queue.arrived.wait(lock, is_over);
    return true;
  }
  for (auto left = *deadline_; left > left.zero(); left -= kSlice) {
    if (queue.arrived.wait_for(lock, std::min(left, kSlice), is_over)) return true;
  }
  return false;
}

void Hub::end_wait(std::uint32_t rank) {
  if (std::exchange(ranks_.at(rank).wait, std::nullopt)) --waiting_;
}

void Hub::fail_if_none_can_come(std::unique_lock<std::mutex>& lock) {
  if (deadline_ || failure_ || at_work_ == 0 || waiting_ < at_work_) return;
  // One of the two ends of a wait is the server, unless workers wait for each other.
  const auto state = [&](std::size_t rank) {
    const auto& wait = ranks_.at(rank).wait;
    return rank_name(static_cast<std::uint32_t>(rank), workers_) +
           (wait ? " awaits " + wait->awaited + " from " + name_of(wait->from) : " has ended");
  };
  const auto& servers = ranks_.at(workers_).wait;
  const auto first = std::ranges::find_if(ranks_, [](const Rank& rank) { return !!rank.wait; });
  const std::size_t worker =
      servers ? servers->from : static_cast<std::size_t>(first - ranks_.begin());
  const std::string failure =
      "nobody is left who could send it: " + state(workers_) + ", " + state(worker);
  lock.unlock();
  fail(failure);
  lock.lock();
}

void Hub::fail(std::uint32_t rank, const std::string& reason) {
  fail(name_of(rank) + " has failed: " + reason);
}

void Hub::fail(const std::string& failure) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = failure;
    for (auto& queues : queues_) {
      for (Queue& queue : queues) queue.arrived.notify_all();
    }
    for (auto& [ends, queue] : across_) queue.arrived.notify_all();
  }
  if (on_failure_) on_failure_(failure);
}

// Two workers have messages alone, as Transport has checked.
Hub::Queue& Hub::between(Channel channel, std::uint32_t from, std::uint32_t to) {
  if (from != workers_ && to != workers_) return across_[{from, to}];
  const std::size_t queue = to == workers_ ? from : workers_ + std::size_t{to};
  return queues_.at(static_cast<std::size_t>(channel)).at(queue);
}

std::string Hub::name_of(std::uint32_t rank) const { return rank_name(rank, workers_); }

}  // namespace mvsgd::comm
