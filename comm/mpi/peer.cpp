#include "comm/mpi/peer.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

namespace mvsgd::comm {
namespace {

/// The fields of /proc/PID/stat behind the name, which may have blanks: the state is the first.
std::vector<std::string> stat_of(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string line{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name = line.rfind(')');
  if (name == std::string::npos) return {};
  std::istringstream rest(line.substr(name + 1));
  return {std::istream_iterator<std::string>(rest), {}};
}

constexpr std::size_t kStart = 19;  ///< of stat_of(): starttime

std::uint64_t start_of(const std::vector<std::string>& stat) {
  return stat.size() > kStart ? std::strtoull(stat[kStart].c_str(), nullptr, 10) : 0;
}

bool is_alive(const Peer& peer) {
  const auto stat = stat_of(peer.pid);
  if (stat.size() <= kStart) return false;
  return stat[0] != "Z" && stat[0] != "X" && start_of(stat) == peer.start;
}

/// A descriptor of the process; -1 if the system gives none.
int descriptor_of([[maybe_unused]] const Peer& peer) {
#ifdef SYS_pidfd_open
  return static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(peer.pid), 0));
#else
  return -1;
#endif
}

}  // namespace

Peer this_process() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  const std::int64_t pid = getpid();
  return {.host = host.data(), .pid = pid, .start = start_of(stat_of(pid))};
}

Watch::Watch(const Peer& peer) : peer_(peer), descriptor_(descriptor_of(peer)) {
  // What has the number now may be another.
  if (descriptor_ >= 0 && !is_alive(peer)) {
    close(descriptor_);
    descriptor_ = -1;
  }
}

Watch::~Watch() {
  if (descriptor_ >= 0) close(descriptor_);
}

Watch::Watch(Watch&& other) noexcept
    : peer_(std::move(other.peer_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  std::swap(peer_, other.peer_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

bool Watch::sees_it() const {
  if (descriptor_ < 0) return is_alive(peer_);
  // It can be read from its end on.
  pollfd one{.fd = descriptor_, .events = POLLIN, .revents = 0};
  return poll(&one, 1, 0) == 0;
}

}  // namespace mvsgd::comm
