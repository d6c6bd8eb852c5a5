// The one thread of a process that calls MPI: it starts the library, moves bytes and closes it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "comm/hub.hpp"
#include "comm/mpi/peer.hpp"

namespace mvsgd::comm {

class Bells;
class Sockets;

/// What MPI says when it has started.
struct World {
  std::uint32_t index = 0;
  std::vector<Peer> peers;  ///< by process, this one included
};

/// MPI asks that the thread which starts it is the one that calls it (MPI_THREAD_FUNNELED), and
/// that somebody calls it while bytes are on their way. A blocked receive spins a core, so this
/// thread looks, sleeps, and looks again: at once when something is to be sent, when a process of
/// this host rings its bell, which has sent something, and when bytes have come at a TCP socket;
/// unasked three times a second. What comes from other hosts by another way nobody announces: then
/// it looks 20 us after the last bytes, up to 0.9 ms when there is nothing, later 0.5 % of what the
/// wait has lasted, 5 ms at most.
///
/// Bytes are cut into messages of MPI of a whole `chunk` each and one that is shorter, so that its
/// length says which is the last.
class Engine {
 public:
  /// Called from the engine's thread. They may call post() and nothing that waits.
  struct Callbacks {
    /// In the order in which `from` has posted, whatever the tags.
    std::function<void(std::uint32_t from, int tag, SharedBytes bytes)> on_bytes;
    /// Whether bytes with this tag come in each round, so that their memory is kept for the next.
    std::function<bool(int tag)> comes_again;
    std::function<void(const std::string& what)> on_error;  ///< MPI refuses; the thread goes on
    std::function<void()> on_tick;                          ///< ten times a second
  };
  enum class End : std::uint8_t {
    in_order,  ///< MPI_Finalize, which every process must call
    at_once,   ///< what has been posted is sent, for 0.2 s at most; MPI_Finalize with MPICH alone
    of_all,    ///< MPI_Abort: ends this process and asks the launcher to end all
  };

  /// Starts MPI. Nothing is called back before begin(). Throws TransportError if the launcher
  /// speaks of other processes than MPI does.
  explicit Engine(std::size_t chunk);
  /// As end(at_once), unless it has ended.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] const World& world() const { return world_; }

  void begin(Callbacks callbacks);
  /// Thread-safe; never waits. After end() it does nothing.
  void post(std::uint32_t to, int tag, SharedBytes bytes);
  /// Returns when the thread has ended, or after `patience`: then it is left to itself, and the
  /// program has to end without its destructors. `code` is for of_all.
  bool end(End how, int code, std::chrono::milliseconds patience);

 private:
  struct Posted {
    std::uint32_t to;
    int tag;
    SharedBytes bytes;
  };
  class Traffic;
  class Lookout;

  void run();
  void move_until_the_end(Traffic& traffic, Sockets* sockets);

  const std::size_t chunk_;
  World world_;
  std::unique_ptr<Bells> bells_;
  Callbacks callbacks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Posted> outbox_;
  bool begun_ = false;
  bool ended_ = false;  ///< end() has been called
  End how_ = End::at_once;
  int code_ = 0;
  std::promise<World> started_;
  std::promise<void> left_;
  std::future<void> has_left_ = left_.get_future();
  std::thread thread_;
};

/// The library and its version, and what level of threads is asked of it. Starts nothing.
[[nodiscard]] std::string describe_mpi();

/// As how many processes a launcher of MPI, or SLURM's srun, has started this one, by its
/// environment; 1 without.
[[nodiscard]] std::uint32_t launched_processes();

}  // namespace mvsgd::comm
