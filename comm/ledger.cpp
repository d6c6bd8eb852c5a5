#include "comm/ledger.hpp"

#include <array>
#include <string>

namespace mvsgd::comm {
namespace {

constexpr std::array kAllFields = {Field::positions,    Field::values,  Field::level_means,
                                   Field::header,       Field::padding, Field::bn_buffers,
                                   Field::initial_model};
static_assert(kAllFields.size() == kFields);

[[noreturn]] void disagree(const MessageId& id, const std::string& how) {
  throw LedgerError("ledger: round " + std::to_string(id.round) + ", worker " +
                    std::to_string(id.worker) + ", " + std::string(name(id.direction)) + ", " +
                    std::string(name(id.kind)) + how);
}

std::string bits_text(Bits bits) { return std::to_string(bits.count()) + " bits"; }

}  // namespace

void Ledger::sent(const MessageId& id, const FieldBits& fields) {
  const std::lock_guard lock(mutex_);
  Entry& entry = open_[id];
  if (entry.sent) disagree(id, ": sent twice");
  entry.sent = fields;
}

void Ledger::moved(const MessageId& id, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  Entry& entry = open_[id];
  if (entry.moved) disagree(id, ": moved twice");
  entry.moved = Bits::of_bytes(bytes);
}

void Ledger::decoded(const MessageId& id, const FieldBits& fields) {
  const std::lock_guard lock(mutex_);
  Entry& entry = open_[id];
  if (entry.decoded) disagree(id, ": decoded twice");
  entry.decoded = fields;
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
  const std::lock_guard lock(mutex_);
  // The round is the first thing that identifiers are ordered by: its messages stand together.
  const auto begin = open_.lower_bound({.round = round});
  auto end = begin;
  std::vector<LedgerRow> rows;
  for (; end != open_.end() && end->first.round == round; ++end) {
    const auto& [id, entry] = *end;
    check(id, entry);
    for (const Field field : kAllFields) {
      const Bits bits = (*entry.sent)[field];
      if (bits != Bits(0)) rows.push_back({.id = id, .field = field, .bits = bits});
    }
  }
  for (auto it = begin; it != end; ++it) {
    const auto& [id, entry] = *it;
    totals_[{id.direction, id.kind}] += *entry.sent;
  }
  open_.erase(begin, end);
  return rows;
}

LedgerTotals Ledger::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace mvsgd::comm
