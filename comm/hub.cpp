#include "comm/hub.hpp"

#include <stdexcept>
#include <utility>

#include "comm/group.hpp"

namespace mvsgd::comm {

Hub::Hub(std::uint32_t workers, std::chrono::milliseconds deadline,
         std::function<void(const std::string& failure)> on_failure)
    : workers_(workers), deadline_(deadline), on_failure_(std::move(on_failure)) {
  if (deadline <= deadline.zero() || deadline > kLongestDeadline) {
    throw std::invalid_argument("a group of " + std::to_string(workers) +
                                " workers: a deadline of " + std::to_string(deadline.count()) +
                                " ms");
  }
  for (auto& queues : queues_) queues = std::vector<Queue>(2 * std::size_t{workers});
}

void Hub::check_that_it_can_send(std::uint32_t rank) {
  const std::lock_guard lock(mutex_);
  if (failure_) throw TransportError(rank_text(rank) + " cannot send: " + *failure_);
}

void Hub::deliver(Channel channel, std::uint32_t from, std::uint32_t to, SharedBytes bytes) {
  const std::lock_guard lock(mutex_);
  Queue& queue = between(channel, from, to);
  queue.messages.push_back(std::move(bytes));
  queue.arrived.notify_one();
}

SharedBytes Hub::receive(Channel channel, std::uint32_t from, std::uint32_t to,
                         const std::string& awaited) {
  const auto waited = [&] {
    return rank_text(to) + " awaited " + awaited + " from " + rank_text(from) + ": ";
  };
  {
    std::unique_lock lock(mutex_);
    Queue& queue = between(channel, from, to);
    const bool in_time = queue.arrived.wait_for(
        lock, deadline_, [&] { return failure_ || !queue.messages.empty(); });
    if (failure_) throw TransportError(waited() + *failure_);
    if (in_time) {
      SharedBytes bytes = std::move(queue.messages.front());
      queue.messages.pop_front();
      return bytes;
    }
  }
  const std::string reason =
      waited() + "no message within " + std::to_string(deadline_.count()) + " ms";
  fail(failure_text(to, reason));
  throw TransportError(reason);
}

void Hub::fail(const std::string& failure) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = failure;
    for (auto& queues : queues_) {
      for (Queue& queue : queues) queue.arrived.notify_all();
    }
  }
  if (on_failure_) on_failure_(failure);
}

// One of the two is the server, as Transport has checked.
Hub::Queue& Hub::between(Channel channel, std::uint32_t from, std::uint32_t to) {
  const std::size_t queue = to == workers_ ? from : workers_ + std::size_t{to};
  return queues_.at(static_cast<std::size_t>(channel)).at(queue);
}

std::string rank_text(std::uint32_t rank) { return "rank " + std::to_string(rank); }

std::string failure_text(std::uint32_t rank, const std::string& reason) {
  return rank_text(rank) + " has failed: " + reason;
}

}  // namespace mvsgd::comm
