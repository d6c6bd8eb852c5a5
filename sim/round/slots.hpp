// Compute slots limit how many workers compute at once, so that a thousand workers neither
// oversubscribe the cores nor hold a thousand sets of activations.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace mvsgd::sim {

/// A counting semaphore that tells which slot was taken. Slot i belongs to device i mod G.
/// Thread-safe. A slot is never held across a blocking call to a peer. Slots change no bit of a
/// run: what a slot computes depends on its input alone.
class Slots {
 public:
  /// Throws std::invalid_argument unless 1 <= devices <= count.
  explicit Slots(std::size_t count, std::size_t devices = 1);

  [[nodiscard]] std::size_t count() const { return count_; }

  /// A slot, held from construction to destruction. The constructor waits until one is free.
  class Lease {
   public:
    explicit Lease(Slots& slots);
    /// A slot of the device that `worker` is on: worker mod G.
    Lease(Slots& slots, std::uint32_t worker);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    [[nodiscard]] std::size_t index() const { return index_; }

   private:
    Slots* slots_;
    std::size_t index_;
  };

 private:
  std::size_t take(const std::function<bool(std::size_t)>& fits);

  std::size_t count_;
  std::size_t devices_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::size_t> free_;
};

}  // namespace mvsgd::sim
