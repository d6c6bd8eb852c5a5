// How processes of one host wake each other.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace mvsgd::comm {

/// A number a process, in a window of MPI that the processes of a host share: to ring a process's
/// bell counts it up and wakes who waits for it. A process that has heard its bell at n, has looked
/// for messages since and waits with n misses none.
///
/// A process is reached by those of its host; where MPI gives no such memory, by itself alone.
class Bells {
 public:
  /// Collective over all processes.
  Bells();
  ~Bells();
  Bells(const Bells&) = delete;
  Bells& operator=(const Bells&) = delete;

  /// Whether every process reaches every other, so that nobody has to look unasked. All say the
  /// same.
  [[nodiscard]] bool reach_all() const { return reach_all_; }

  /// Whether this process reaches that one, and so is reached by it.
  [[nodiscard]] bool reaches(std::uint32_t process) const { return numbers_[process] != nullptr; }

  /// Does nothing where this process does not reach the other. Thread-safe for `process` = this.
  void ring(std::uint32_t process) const;
  void ring_own() const { ring(own_); }
  [[nodiscard]] std::uint32_t heard() const;
  /// Until this process's bell is at another number than `heard`, `at_most` so long. Thread-safe.
  /// Returns whether it is.
  bool wait(std::uint32_t heard, std::chrono::microseconds at_most) const;

  /// Gives the window back. Collective, before MPI_Finalize; nothing else may be called afterwards.
  void close();

 private:
  using Number = std::uint32_t;
  struct Window;

  std::uint32_t own_ = 0;
  Number alone_ = 0;
  std::vector<Number*> numbers_;  // by process; null where it is not reached
  bool reach_all_ = false;
  std::unique_ptr<Window> window_;
};

}  // namespace mvsgd::comm
