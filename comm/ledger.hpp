// The ledger: every bit that crosses a worker's border, counted three times.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "comm/message.hpp"

namespace mvsgd::comm {

/// The three counts of a message disagree, or a message was sent and never decoded. what() names
/// round, worker, direction, kind and field, and the counts.
class LedgerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The name of a message: there is one of each kind per round, worker and direction. `worker` is
/// the worker's index at either end. Of those across, whose `worker` is the sender, there are many
/// with one name: they are blocks of one vector, and are counted together.
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

/// The sum of all rows.
[[nodiscard]] ByDirection<FieldBits> sum_by_direction(std::span<const LedgerRow> rows);

/// Records what senders say, what moved and what receivers decoded. Closes a round when the three
/// agree for every name of it. Transport fills it: each end counts in its own ledger, and the
/// server's takes over the workers' counts. Used by one thread at a time.
///
/// Memory: the messages of rounds not yet closed.
class Ledger {
 public:
  /// Each adds where the direction is across, and else throws LedgerError if the same message is
  /// counted twice.
  void sent(const MessageId& id, const FieldBits& fields);
  void moved(const MessageId& id, std::uint64_t bytes);
  void decoded(const MessageId& id, const FieldBits& fields);

  /// Appends the counts of `round`, which are those of one worker's end, as whole bytes, and
  /// forgets them.
  void hand_over(std::uint32_t round, BitWriter& out);

  /// Adds the counts of `round` that the ledger of `worker` has handed over. Throws DecodeError if
  /// the bits are not such counts, LedgerError if one of their messages is counted here already.
  void take_over(std::uint32_t round, std::uint32_t worker, BitReader& in);

  /// Compares the three counts of every message of `round`, forgets them and returns them in order
  /// of (worker, direction, kind, field). Throws LedgerError, keeping the round, if some message's
  /// counts disagree or are incomplete.
  std::vector<LedgerRow> close_round(std::uint32_t round);

 private:
  struct Entry {
    std::optional<FieldBits> sent;
    std::optional<Bits> moved;
    std::optional<FieldBits> decoded;
  };

  static void check(const MessageId& id, const Entry& entry);

  [[nodiscard]] Entry& entry_of(const MessageId& id) { return open_[id.round][id]; }

  std::map<std::uint32_t, std::map<MessageId, Entry>> open_;  ///< by round
};

}  // namespace mvsgd::comm
