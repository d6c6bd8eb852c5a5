// Processes that talk by MPI, and a group of ranks over them.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "comm/mpi/engine.hpp"
#include "comm/processes.hpp"

namespace mvsgd::comm {

/// 1 GiB: MPI counts in int.
inline constexpr std::size_t kChunk = std::size_t{1} << 30U;

/// The processes of MPI_COMM_WORLD. A message between a worker and the server has a tag by worker
/// and channel, one between workers a tag by its receiver, all else has tag 0, and what comes from
/// a process is taken in the order in which it was sent.
///
/// A process of the same host is looked after by its number: if it is gone, all waits end, some
/// 0.1 s later. Of another host the launcher knows, or a deadline.
class MpiProcesses final : public Processes {
 public:
  /// Throws TransportError as Engine. Tests cut bytes into smaller chunks.
  explicit MpiProcesses(std::size_t chunk = kChunk);
  ~MpiProcesses() override;

  [[nodiscard]] std::uint32_t count() const override;
  [[nodiscard]] std::uint32_t index() const override { return engine_->world().index; }
  [[nodiscard]] std::string name_of(std::uint32_t p) const override;
  [[nodiscard]] std::uint32_t on_this_host() const override;
  [[nodiscard]] std::unique_ptr<Group> make_group(std::uint32_t workers,
                                                  std::chrono::milliseconds deadline,
                                                  const WireObserver& observer) override;
  void send(std::uint32_t to, Blob bytes) override;
  [[nodiscard]] Blob receive(std::uint32_t from, std::chrono::milliseconds deadline) override;
  void check() const override;
  [[nodiscard]] bool is_lost() const override { return is_lost_; }
  void ask_to_stop() override;
  [[nodiscard]] bool is_asked_to_stop() const override { return is_asked_to_stop_; }
  void tell(std::uint32_t to, std::uint8_t note) override;
  void listen(Listener listener) override;
  [[nodiscard]] Farewell leave(const Parting& parting, std::chrono::milliseconds patience) override;
  [[nodiscard]] bool failed_elsewhere() const override;
  [[nodiscard]] Bits bits_sent() const override;

 private:
  class MpiGroup;
  friend class MpiGroup;
  /// What the first byte of a message with tag 0 says of the rest.
  enum class Type : std::uint8_t {
    blob,      ///< of send()
    note,      ///< of tell(): a byte
    stop,      ///< of ask_to_stop()
    ready,     ///< the sender has a group now: its number and its workers
    failed,    ///< the group with this number has failed: the text
    ended,     ///< this run has: whether a process is gone or some diverge, the text
    farewell,  ///< a parting; that of process 0 has the code that counts
  };
  struct Other {
    std::deque<Blob> blobs;
    std::uint32_t ready = 0;          ///< the number of its last group
    std::uint32_t ready_workers = 0;  ///< and N there
    std::optional<Parting> farewell;
    std::optional<Watch> watch;  ///< if it can be seen from here
    bool is_gone = false;
  };

  // From the engine's thread.
  void take(std::uint32_t from, int tag, const SharedBytes& bytes);
  void take_own(std::uint32_t from, std::span<const std::byte> bytes);
  void take_note(std::uint32_t from, std::uint8_t note);
  void look_after_others();

  void post(std::uint32_t to, Type type, std::span<const std::byte> bytes);
  void post_to_others(Type type, std::span<const std::byte> bytes, std::uint32_t but);
  void group_failed(MpiGroup& group, const std::string& failure);
  /// With mutex_ locked.
  void run_ended(const std::string& why);
  void tell_of_end();
  void note_failure(bool is_here);
  /// With mutex_ locked: until `is_there`, the run has ended, or `from` has left. Throws.
  template <typename Predicate>
  void wait_for(std::unique_lock<std::mutex>& lock, std::uint32_t from, std::string_view awaited,
                std::chrono::milliseconds deadline, const Predicate& is_there);
  /// With mutex_ locked; whether all have. A failure with brothers, which others find when they
  /// have finished their work, may take longer.
  bool await_farewells(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds patience,
                       std::chrono::milliseconds with_brothers);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Other> others_;  ///< by process
  MpiGroup* group_ = nullptr;
  std::uint32_t groups_ = 0;   ///< made so far: the number of the last
  std::uint32_t workers_ = 0;  ///< of that
  std::optional<std::string> end_;
  std::optional<bool> failed_here_;  ///< whether the first failure is one of this process
  bool has_brothers_ = false;        ///< some failure has a place (Parting)
  std::atomic<bool> is_lost_ = false;
  std::atomic<bool> is_asked_to_stop_ = false;
  Engine::End how_ = Engine::End::at_once;
  int code_ = 1;
  Bits sent_;
  std::mutex listening_;  ///< held while the listener is called
  Listener listener_;
  std::deque<std::pair<std::uint32_t, std::uint8_t>> untold_;
  std::unique_ptr<Engine> engine_;  ///< last: its thread uses all else
};

}  // namespace mvsgd::comm
