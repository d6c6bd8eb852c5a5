// A process as all others know it, and whether it is there.
#pragma once

#include <cstdint>
#include <string>

namespace mvsgd::comm {

struct Peer {
  std::string host;
  std::int64_t pid = 0;
  std::uint64_t start = 0;  ///< of its first thread, in the kernel's unit
};

/// The calling process.
[[nodiscard]] Peer this_process();

/// Looks after a process of this host: by a descriptor that the kernel gives (pidfd_open, from
/// Linux 5.3 on), which costs a call; where it gives none by /proc, which costs opening and reading
/// a file.
class Watch {
 public:
  explicit Watch(const Peer& peer);
  ~Watch();
  Watch(Watch&& other) noexcept;
  Watch& operator=(Watch&& other) noexcept;

  /// Whether it is there: not gone, and not another with its number.
  [[nodiscard]] bool sees_it() const;

 private:
  Peer peer_;
  int descriptor_;  ///< -1 if the system gives none
};

}  // namespace mvsgd::comm
