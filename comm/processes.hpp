// Processes: those that work on one run, among which the ranks of its group are divided.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comm/group.hpp"

namespace mvsgd::comm {

/// Workers in a row: those of one process.
struct Share {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// Of N workers process p of P has those from floor(p N / P) to floor((p + 1) N / P): with
/// P = N + 1 process 0 has none and each other one has one.
[[nodiscard]] Share share_of(std::uint32_t p, std::uint32_t processes, std::uint32_t workers);
/// Whose share a worker is in.
[[nodiscard]] std::uint32_t process_of(std::uint32_t worker, std::uint32_t processes,
                                       std::uint32_t workers);

/// The processes of a run as one of them sees them. Process 0 has the server, and all others talk
/// to it alone. What they say here is no message of a group, and no ledger has it.
///
/// A call throws TransportError when a process has failed, has left or is gone, with its name and
/// what is known of why.
class Processes {
 public:
  using Blob = std::vector<std::byte>;

  Processes() = default;
  virtual ~Processes() = default;
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  [[nodiscard]] virtual std::uint32_t count() const = 0;
  [[nodiscard]] virtual std::uint32_t index() const = 0;  ///< of this one
  [[nodiscard]] bool leads() const { return index() == 0; }
  [[nodiscard]] Share share(std::uint32_t workers) const {
    return share_of(index(), count(), workers);
  }
  /// What an error calls process p: "process 2 of 5 on HOST".
  [[nodiscard]] virtual std::string name_of(std::uint32_t p) const = 0;
  /// How many of them, this one included, share the processors of this one's host.
  [[nodiscard]] virtual std::uint32_t on_this_host() const = 0;

  /// A group over all processes. Each calls it, with its own `observer`, and it returns when all
  /// have; there is one group at a time. Throws std::invalid_argument as Group does, and if a
  /// process would have no rank.
  [[nodiscard]] virtual std::unique_ptr<Group> make_group(std::uint32_t workers,
                                                          std::chrono::milliseconds deadline,
                                                          const WireObserver& observer) = 0;

  /// To process 0, or from it. Does not wait.
  virtual void send(std::uint32_t to, Blob bytes) = 0;
  /// The next one from there, in the order sent. Throws TransportError at the deadline, too.
  [[nodiscard]] virtual Blob receive(std::uint32_t from, std::chrono::milliseconds deadline) = 0;

  /// Throws as all calls do.
  virtual void check() const = 0;
  /// Whether a process is gone, so that nothing which is computed now is of use.
  [[nodiscard]] virtual bool is_lost() const = 0;

  /// Asks process 0 to end the run in order. Any thread; never waits.
  virtual void ask_to_stop() = 0;
  /// For process 0: whether another has.
  [[nodiscard]] virtual bool is_asked_to_stop() const = 0;

  /// A word between process 0 and another at any moment, in order with what both send in groups.
  virtual void tell(std::uint32_t to, std::uint8_t note) = 0;
  /// Both may be empty, and are called from one thread of the transport, which meanwhile moves
  /// nothing.
  struct Listener {
    std::function<void(std::uint32_t from, std::uint8_t note)> on_note;
    std::function<void()> poll;  ///< some ten times a second
  };
  /// Takes the place of the last listener, which is not called any more when it returns. Notes that
  /// came while there was none are told first.
  virtual void listen(Listener listener) = 0;

  /// Where a failure belongs to which others have brothers: the first of these is told alone.
  using Place = std::pair<std::uint32_t, std::uint32_t>;
  struct Parting {
    int code = 0;
    bool is_own = true;     ///< false: it ends because another has failed
    bool in_haste = false;  ///< there may be no time to close the library in order
    std::optional<Place> place = std::nullopt;
    std::string text;  ///< what went wrong
  };
  struct Farewell {
    int code = 0;  ///< the one that all end with
    /// For process 0: of each that has failed by itself, of itself first; of those with a place of
    /// the first alone.
    std::vector<std::string> texts;
    bool reached_zero = true;  ///< false: nobody else tells what has happened
  };
  /// The last call. All agree on a code: that of the lowest process that has failed by itself. A
  /// process that has not failed waits up to `patience` for the others, one that has a few seconds,
  /// but where a failure has a place `patience`, too: its brothers may come first.
  /// Does not throw. The destructor closes the library; where one has not answered, it ends all of
  /// them with the code, this process included.
  [[nodiscard]] virtual Farewell leave(const Parting& parting,
                                       std::chrono::milliseconds patience) = 0;
  /// Whether the first failure that this process knows of is that of another.
  [[nodiscard]] virtual bool failed_elsewhere() const = 0;

  /// Bits that this process has sent (up to process 0, down from it) outside any group.
  [[nodiscard]] virtual Bits bits_sent() const = 0;
};

/// A transport of a build, by the name that a setting takes.
struct TransportEntry {
  std::string_view name;
  /// The library, its version and what it gives. Starts nothing.
  std::string (*describe)();
  /// Finds the processes of this run: once a program. Throws TransportError if they have not been
  /// started as they must be.
  std::unique_ptr<Processes> (*open)();
  /// By which of many this one was started with such a transport's launcher; 1 if there is no sign
  /// of one.
  std::uint32_t (*launched)();
};

}  // namespace mvsgd::comm
