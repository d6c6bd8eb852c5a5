// What the ranks of one process share: a queue for each channel and direction between the server
// and each worker. A transport puts into it what arrives, from a thread of its own or the sender's.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "comm/transport.hpp"

namespace mvsgd::comm {

using SharedBytes = std::shared_ptr<const std::vector<std::byte>>;

/// Thread-safe.
class Hub {
 public:
  /// `deadline` bounds each receive(). `on_failure` is called once, with the failure's text and no
  /// lock held, from the thread that has told or found it. Throws std::invalid_argument if the
  /// deadline is not positive or is above kLongestDeadline (comm/group.hpp).
  Hub(std::uint32_t workers, std::chrono::milliseconds deadline,
      std::function<void(const std::string& failure)> on_failure = {});

  /// Throws TransportError if the group has failed.
  void check_that_it_can_send(std::uint32_t rank);

  /// Adds to the queue between two ranks of which one is the server. Never waits.
  void deliver(Channel channel, std::uint32_t from, std::uint32_t to, SharedBytes bytes);

  /// Waits for the next bytes. Throws TransportError if the group has failed, and at the deadline,
  /// with which the group fails. `awaited` says in words what is waited for.
  [[nodiscard]] SharedBytes receive(Channel channel, std::uint32_t from, std::uint32_t to,
                                    const std::string& awaited);

  /// Ends every wait, now and later, with this text. The first failure counts.
  void fail(const std::string& failure);

 private:
  struct Queue {
    std::deque<SharedBytes> messages;
    std::condition_variable arrived;  // or the group has failed
  };

  Queue& between(Channel channel, std::uint32_t from, std::uint32_t to);

  const std::uint32_t workers_;
  const std::chrono::milliseconds deadline_;
  const std::function<void(const std::string&)> on_failure_;
  std::mutex mutex_;
  std::array<std::vector<Queue>, 2> queues_;  // by channel; N up, then N down
  std::optional<std::string> failure_;
};

/// "rank 3".
[[nodiscard]] std::string rank_text(std::uint32_t rank);

/// What a group's failure says: "rank 3 has failed: REASON".
[[nodiscard]] std::string failure_text(std::uint32_t rank, const std::string& reason);

}  // namespace mvsgd::comm
