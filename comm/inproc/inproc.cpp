#include "comm/inproc/inproc.hpp"

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

namespace mvsgd::comm {
namespace {

using Bytes = std::shared_ptr<const std::vector<std::byte>>;

std::string rank_text(std::uint32_t rank) { return "rank " + std::to_string(rank); }

}  // namespace

// Shared by all ranks: a queue for each channel and direction between the server and each worker.
class InprocGroup::Hub {
 public:
  Hub(std::uint32_t workers, std::chrono::milliseconds deadline)
      : workers_(workers), deadline_(deadline) {
    for (auto& queues : queues_) queues = std::vector<Queue>(2 * std::size_t{workers});
  }

  void send(Channel channel, std::uint32_t from, std::uint32_t to, Bytes bytes) {
    const std::lock_guard lock(mutex_);
    if (failure_) throw TransportError(rank_text(from) + " cannot send: " + *failure_);
    Queue& queue = between(channel, from, to);
    queue.messages.push_back(std::move(bytes));
    queue.arrived.notify_one();
  }

  Bytes receive(Channel channel, std::uint32_t from, std::uint32_t to, const std::string& awaited) {
    std::unique_lock lock(mutex_);
    Queue& queue = between(channel, from, to);
    const bool in_time = queue.arrived.wait_for(
        lock, deadline_, [&] { return failure_ || !queue.messages.empty(); });
    const auto waited = [&] {
      return rank_text(to) + " awaited " + awaited + " from " + rank_text(from) + ": ";
    };
    if (!in_time) {
      const std::string reason =
          waited() + "no message within " + std::to_string(deadline_.count()) + " ms";
      fail_locked(to, reason);
      throw TransportError(reason);
    }
    if (failure_) throw TransportError(waited() + *failure_);
    Bytes bytes = std::move(queue.messages.front());
    queue.messages.pop_front();
    return bytes;
  }

  void fail(std::uint32_t rank, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    fail_locked(rank, reason);
  }

 private:
  struct Queue {
    std::deque<Bytes> messages;
    std::condition_variable arrived;  // also signalled when the group has failed
  };

  // One of the two ranks is the server, as Transport has checked.
  Queue& between(Channel channel, std::uint32_t from, std::uint32_t to) {
    const std::size_t queue = to == workers_ ? from : workers_ + std::size_t{to};
    return queues_.at(static_cast<std::size_t>(channel))[queue];
  }

  void fail_locked(std::uint32_t rank, const std::string& reason) {
    if (failure_) return;
    failure_ = rank_text(rank) + " has failed: " + reason;
    for (auto& queues : queues_) {
      for (Queue& queue : queues) queue.arrived.notify_all();
    }
  }

  const std::uint32_t workers_;
  const std::chrono::milliseconds deadline_;
  std::mutex mutex_;
  std::array<std::vector<Queue>, 2> queues_;  // by channel; N up, then N down
  std::optional<std::string> failure_;
};

class InprocGroup::End : public Transport {
 public:
  End(Hub& hub, std::uint32_t rank, std::uint32_t workers, WireObserver observer)
      : Transport(rank, workers, ledger_, std::move(observer)), hub_(&hub) {}

 private:
  void send_bytes(Channel channel, std::uint32_t to, Bytes bytes) override {
    hub_->send(channel, rank(), to, std::move(bytes));
  }
  Bytes receive_bytes(Channel channel, std::uint32_t from, const std::string& awaited) override {
    return hub_->receive(channel, from, rank(), awaited);
  }

  Ledger ledger_;
  Hub* hub_;
};

InprocGroup::InprocGroup(std::uint32_t workers, std::chrono::milliseconds deadline,
                         const WireObserver& observer)
    : Group(workers), ranks_(std::size_t{workers} + 1) {
  if (deadline <= deadline.zero() || deadline > kLongestDeadline) {
    throw std::invalid_argument("InprocGroup: " + std::to_string(workers) + " workers, deadline " +
                                std::to_string(deadline.count()) + " ms");
  }
  std::iota(ranks_.begin(), ranks_.end(), 0U);
  hub_ = std::make_unique<Hub>(workers, deadline);
  for (const std::uint32_t rank : ranks_) {
    ends_.push_back(std::make_unique<End>(*hub_, rank, workers, observer));
  }
}

InprocGroup::~InprocGroup() = default;

Transport& InprocGroup::end(std::uint32_t rank) {
  if (rank >= ends_.size()) {
    throw std::invalid_argument("InprocGroup::end: rank " + std::to_string(rank) + " of " +
                                std::to_string(ends_.size()));
  }
  return *ends_[rank];
}

void InprocGroup::fail(std::uint32_t rank, const std::string& reason) { hub_->fail(rank, reason); }

}  // namespace mvsgd::comm
