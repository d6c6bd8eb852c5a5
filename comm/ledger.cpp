#include "comm/ledger.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace mvsgd::comm {
namespace {

[[noreturn]] void disagree(const MessageId& id, const std::string& how) {
  throw LedgerError("ledger: round " + std::to_string(id.round) + ", worker " +
                    std::to_string(id.worker) + ", " + std::string(name(id.direction)) + ", " +
                    std::string(name(id.kind)) + how);
}

std::string bits_text(Bits bits) { return std::to_string(bits.count()) + " bits"; }

void put_fields(const FieldBits& fields, BitWriter& out) {
  for (const Field field : kAllFields) out.put(fields[field].count(), 64);
}

FieldBits get_fields(BitReader& in) {
  FieldBits fields;
  for (const Field field : kAllFields) fields[field] = Bits(in.get(64));
  return fields;
}

/// Counts that came before stay where messages are counted together.
template <typename Count>
void add_count(const MessageId& id, const char* counted, const Count& count,
               std::optional<Count>& sum) {
  if (sum && id.direction != Direction::across)
    disagree(id, std::string(": ") + counted + " twice");
  if (!sum) sum.emplace();
  *sum += count;
}

template <typename Enum>
Enum get_name(BitReader& in, std::span<const Enum> known) {
  const auto value = static_cast<Enum>(in.get(8));
  if (std::ranges::find(known, value) == known.end()) {
    throw DecodeError("ledger: no such name before bit " + std::to_string(in.position().count()));
  }
  return value;
}

}  // namespace

ByDirection<FieldBits> sum_by_direction(std::span<const LedgerRow> rows) {
  ByDirection<FieldBits> sum;
  for (const LedgerRow& row : rows) sum[row.id.direction][row.field] += row.bits;
  return sum;
}

void Ledger::sent(const MessageId& id, const FieldBits& fields) {
  add_count(id, "sent", fields, entry_of(id).sent);
}

void Ledger::moved(const MessageId& id, std::uint64_t bytes) {
  add_count(id, "moved", Bits::of_bytes(bytes), entry_of(id).moved);
}

void Ledger::decoded(const MessageId& id, const FieldBits& fields) {
  add_count(id, "decoded", fields, entry_of(id).decoded);
}

// The number of messages, then for each its direction, its kind, across its worker, which counts
// exist, and the counts.

void Ledger::hand_over(std::uint32_t round, BitWriter& out) {
  const auto messages = std::exchange(open_[round], {});
  open_.erase(round);
  out.put(messages.size(), 32);
  for (const auto& [id, entry] : messages) {
    out.put(static_cast<std::uint8_t>(id.direction), 8);
    out.put(static_cast<std::uint8_t>(id.kind), 8);
    if (id.direction == Direction::across) out.put(id.worker, 32);
    out.put(entry.sent ? 1 : 0, 1);
    out.put(entry.moved ? 1 : 0, 1);
    out.put(entry.decoded ? 1 : 0, 6);
    if (entry.sent) put_fields(*entry.sent, out);
    if (entry.moved) out.put(entry.moved->bytes_ceil(), 64);
    if (entry.decoded) put_fields(*entry.decoded, out);
  }
}

void Ledger::take_over(std::uint32_t round, std::uint32_t worker, BitReader& in) {
  for (std::uint64_t left = in.get(32); left > 0; --left) {
    const auto direction = get_name<Direction>(in, kAllDirections);
    const auto kind = get_name<Kind>(in, kAllKinds);
    MessageId id{.round = round, .worker = worker, .direction = direction, .kind = kind};
    // Of these the sender and the receiver are workers, and each has its counts.
    if (direction == Direction::across) id.worker = static_cast<std::uint32_t>(in.get(32));
    const bool has_sent = in.get(1) != 0;
    const bool has_moved = in.get(1) != 0;
    const bool has_decoded = in.get(6) != 0;
    if (has_sent) sent(id, get_fields(in));
    if (has_moved) moved(id, in.get(64));
    if (has_decoded) decoded(id, get_fields(in));
  }
}

void Ledger::check(const MessageId& id, const Entry& entry) {
  if (!entry.sent) disagree(id, ": received, but never sent");
  if (!entry.moved) disagree(id, ": sent, but never moved");
  if (!entry.decoded) disagree(id, ": moved, but never decoded");
  for (const Field field : kAllFields) {
    const Bits sent = (*entry.sent)[field];
    const Bits decoded = (*entry.decoded)[field];
    if (sent != decoded) {
      disagree(id, ", " + std::string(name(field)) + ": " + bits_text(sent) + " sent, " +
                       bits_text(decoded) + " decoded");
    }
  }
  if (entry.sent->total() != *entry.moved) {
    disagree(id, ", all fields: " + bits_text(entry.sent->total()) + " sent, " +
                     bits_text(*entry.moved) + " moved");
  }
}

std::vector<LedgerRow> Ledger::close_round(std::uint32_t round) {
  std::vector<LedgerRow> rows;
  for (const auto& [id, entry] : open_[round]) {
    check(id, entry);
    for (const Field field : kAllFields) {
      const Bits bits = (*entry.sent)[field];
      if (bits != Bits(0)) rows.push_back({.id = id, .field = field, .bits = bits});
    }
  }
  open_.erase(round);
  return rows;
}

}  // namespace mvsgd::comm
