// Compute slots: how many workers compute at once, so that a thousand workers neither oversubscribe
// the cores nor hold a thousand sets of activations.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

namespace mvsgd::sim {

/// A counting semaphore that says which slot was taken. Thread-safe. A slot is never held across a
/// blocking call to a peer. Slots change no bit of a run: what a slot computes depends on its input
/// alone.
class Slots {
 public:
  explicit Slots(std::size_t count);

  [[nodiscard]] std::size_t count() const { return count_; }

  /// A slot held from construction to destruction. Waits for one to be free.
  class Lease {
   public:
    explicit Lease(Slots& slots);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    [[nodiscard]] std::size_t index() const { return index_; }

   private:
    Slots* slots_;
    std::size_t index_;
  };

 private:
  std::size_t take();

  std::size_t count_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::size_t> free_;
};

}  // namespace mvsgd::sim
