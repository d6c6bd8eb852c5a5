// The ledger: every bit between a worker and the server, counted three times.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "comm/message.hpp"

namespace mvsgd::comm {

/// The three counts of a message disagree, or a message was sent and never decoded. what() names
/// round, worker, direction, kind and field, and the counts.
class LedgerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Which message: one of each kind per round, worker and direction. `worker` is the worker's index
/// at either end.
struct MessageId {
  std::uint32_t round = 0;
  std::uint32_t worker = 0;
  Direction direction{};
  Kind kind{};

  friend auto operator<=>(const MessageId&, const MessageId&) = default;
};

/// One line of ledger.csv. Rows of 0 bits are not kept.
struct LedgerRow {
  MessageId id;
  Field field{};
  Bits bits;
};

/// Totals over closed rounds, by direction, kind and field.
using LedgerTotals = std::map<std::pair<Direction, Kind>, FieldBits>;

/// Records what senders say, what moved and what receivers decoded, and closes a round when the
/// three agree for every message of it. Filled by Transport. Thread-safe.
///
/// Memory: the messages of rounds not yet closed. Cost: one short critical section a count.
class Ledger {
 public:
  /// Each throws LedgerError if the same message is counted twice.
  void sent(const MessageId& id, const FieldBits& fields);
  void moved(const MessageId& id, std::uint64_t bytes);
  void decoded(const MessageId& id, const FieldBits& fields);

  /// Compares the three counts of every message of `round`, adds them to the totals, forgets them
  /// and returns them in order of (worker, direction, kind, field). Throws LedgerError, keeping
  /// the round, if some message's counts disagree or are incomplete.
  std::vector<LedgerRow> close_round(std::uint32_t round);

  /// Sums over closed rounds, all workers together.
  [[nodiscard]] LedgerTotals totals() const;

 private:
  struct Entry {
    std::optional<FieldBits> sent;
    std::optional<Bits> moved;
    std::optional<FieldBits> decoded;
  };

  static void check(const MessageId& id, const Entry& entry);

  mutable std::mutex mutex_;
  std::map<MessageId, Entry> open_;
  LedgerTotals totals_;
};

}  // namespace mvsgd::comm
