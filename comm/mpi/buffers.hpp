// Memory of messages that have been read, for those to come.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "comm/hub.hpp"

namespace mvsgd::comm {

/// That the kernel gives and clears new pages takes longer than moving bytes into old ones, so
/// buffers of `kLarge` bytes and more come back here when nobody reads them any more. What is kept
/// and what is read never exceed together what was read at most at once, and no more than `kKept`
/// bytes are kept.
///
/// Thread-safe. Made by std::make_shared: the messages own it, too.
class Buffers : public std::enable_shared_from_this<Buffers> {
 public:
  using Bytes = std::vector<std::byte>;
  using Clock = std::chrono::steady_clock;

  static constexpr std::size_t kLarge = std::size_t{64} << 10U;
  static constexpr std::size_t kKept = std::size_t{96} << 20U;

  /// `size` bytes with any content. To be handed to share() or put(). Costs a look at each buffer
  /// that is kept.
  [[nodiscard]] Bytes take(std::size_t size);
  /// For readers. When the last has gone, the bytes are put back.
  [[nodiscard]] SharedBytes share(Bytes bytes);
  /// Of take(), and read by nobody.
  void put(Bytes bytes);

  /// Lets go of what was put back before that: rounds that are far apart gain little from it.
  void forget(Clock::time_point before);

  [[nodiscard]] std::size_t kept() const;

 private:
  struct Kept {
    Bytes bytes;
    Clock::time_point since;
  };

  mutable std::mutex mutex_;
  std::vector<Kept> kept_;  // the one that was put back last is last
  // In bytes of capacity.
  std::size_t size_ = 0;  // of kept_
  std::size_t read_ = 0;  // taken, and not put back
  std::size_t most_ = 0;  // of read_ so far
};

}  // namespace mvsgd::comm
