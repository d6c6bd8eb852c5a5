// A group: N workers and a server, wherever each of them runs.
//
// Everything that ranks share goes through their group, and nothing through memory. So they may be
// threads of one process or of several:
//
//     messages    Transport::send, receive                    the protocol; every bit is counted
//     counts      Transport::report_round, close_round        of a round, from each worker's end to
//                                                             the server's ledger
//     control     Transport::send_control, receive_control    what is no part of the protocol
//     failure     Group::fail                                 ends every wait of every rank
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "comm/transport.hpp"

namespace mvsgd::comm {

/// Of a wait for a peer. A wait adds its deadline to the clock, whose range is far longer.
inline constexpr std::chrono::hours kLongestDeadline(24 * 365);

/// The ends of a star: workers are ranks 0..N-1, the server is rank N. A transport implements this
/// class, and Transport for the ends of the ranks that are here.
class Group {
 public:
  /// Throws std::invalid_argument if there is no worker.
  explicit Group(std::uint32_t workers);
  virtual ~Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  [[nodiscard]] std::uint32_t workers() const { return workers_; }
  [[nodiscard]] std::uint32_t server() const { return workers_; }

  /// The ranks of this process, increasing: all N + 1 if workers are threads of one process. Every
  /// rank is in exactly one process.
  [[nodiscard]] virtual std::span<const std::uint32_t> here() const = 0;
  [[nodiscard]] bool is_here(std::uint32_t rank) const;

  /// The end of `rank`, for its thread alone. It dies with the group. Throws std::invalid_argument
  /// if the rank is not here.
  [[nodiscard]] virtual Transport& end(std::uint32_t rank) = 0;

  /// Records that `rank` has failed, and why. Every wait of every rank, now and later, ends in a
  /// TransportError that names the rank and the reason. The first failure counts; later ones are
  /// ignored. Thread-safe.
  virtual void fail(std::uint32_t rank, const std::string& reason) = 0;

  /// Runs `work` for each rank that is here: the server's on the calling thread, each worker's on a
  /// thread of its own. Returns when all have returned. If one throws, the group fails, and run()
  /// throws the first exception of this process again. A failure in another process is a
  /// TransportError here, if a rank waits.
  ///
  /// If a thread cannot be started, the group fails at once. std::runtime_error then says how many
  /// were started, and what usually limits them.
  ///
  /// A group that has not failed can run again.
  void run(const std::function<void(Transport& end)>& work);

 private:
  /// The ranks that are here run from now on; `rank` has returned and sends nothing more. For a
  /// transport that knows from it whether a message can still come.
  virtual void all_begin() {}
  virtual void ends(std::uint32_t /*rank*/) {}

  std::uint32_t workers_;
};

}  // namespace mvsgd::comm
