// What the ranks of one process share: a queue for each channel and direction between the server
// and each worker, and one for each worker and each that it sends to. A transport puts into it what
// arrives, from a thread of its own or the sender's.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comm/transport.hpp"

namespace mvsgd::comm {

using SharedBytes = std::shared_ptr<const std::vector<std::byte>>;

/// Thread-safe.
class Hub {
 public:
  /// `deadline` bounds each receive(). It counts seconds of the clock in which this process is not
  /// stopped. Without one, all ranks are here, and a wait ends when nobody is left who could send:
  /// when every rank that is at work waits. Time in which one computes does not count then.
  ///
  /// `on_failure` is called once, with the failure's text and no lock held, from the thread that
  /// has told or found it. Throws std::invalid_argument if the deadline is not positive or is above
  /// kLongestDeadline (comm/group.hpp).
  Hub(std::uint32_t workers, std::optional<std::chrono::milliseconds> deadline,
      std::function<void(const std::string& failure)> on_failure = {});

  /// All ranks are at work from now on, and `rank` is no more: it sends nothing. Where nobody has
  /// said so, as before the first call, a wait without a deadline ends with a message or a failure.
  void all_begin();
  void ends(std::uint32_t rank);

  /// Throws TransportError if the group has failed.
  void check_that_it_can_send(std::uint32_t rank);

  /// Adds to the queue from one rank to another; between workers there are messages alone. Never
  /// waits.
  void deliver(Channel channel, std::uint32_t from, std::uint32_t to, SharedBytes bytes);

  /// Waits for the next bytes. Throws TransportError if the group has failed, at the deadline, and
  /// where none can come; with the last two the group fails. `awaited` says in words what is waited
  /// for.
  [[nodiscard]] SharedBytes receive(Channel channel, std::uint32_t from, std::uint32_t to,
                                    const std::string& awaited);

  /// Ends every wait, now and later: "worker 2 has failed: REASON", or this text. The first failure
  /// counts.
  void fail(std::uint32_t rank, const std::string& reason);
  void fail(const std::string& failure);

 private:
  struct Queue {
    std::deque<SharedBytes> messages;
    std::condition_variable arrived;  // or the group has failed
  };
  struct Wait {
    const Queue* queue;  // an empty one: whoever adds to it ends the wait
    std::uint32_t from;
    std::string awaited;
  };
  struct Rank {
    bool is_at_work = false;
    std::optional<Wait> wait;
  };

  Queue& between(Channel channel, std::uint32_t from, std::uint32_t to);
  [[nodiscard]] std::string name_of(std::uint32_t rank) const;
  [[nodiscard]] bool wait_for(std::unique_lock<std::mutex>& lock, Queue& queue) const;
  void end_wait(std::uint32_t rank);
  void fail_if_none_can_come(std::unique_lock<std::mutex>& lock);

  const std::uint32_t workers_;
  const std::optional<std::chrono::milliseconds> deadline_;
  const std::function<void(const std::string&)> on_failure_;
  std::mutex mutex_;
  std::array<std::vector<Queue>, 2> queues_;  // by channel; N up, then N down
  std::map<std::pair<std::uint32_t, std::uint32_t>, Queue> across_;  // by workers: from, to
  std::vector<Rank> ranks_;
  std::size_t at_work_ = 0;
  std::size_t waiting_ = 0;
  std::optional<std::string> failure_;
};

}  // namespace mvsgd::comm
