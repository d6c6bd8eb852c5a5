#include "sim/law/row_check.hpp"

#include <fmt/format.h>

#include <string_view>

#include "sim/law/check_failed.hpp"

namespace mvsgd::sim {
namespace {

using comm::Field;

/// The law of a row.
std::string_view law_of(const comm::LedgerRow& row) {
  return row.id.direction == comm::Direction::across ? "the law of the ring" : "the law";
}

bool equal(const comm::LedgerRow& a, const comm::LedgerRow& b) {
  return a.id == b.id && a.field == b.field && a.bits == b.bits;
}

}  // namespace

std::string describe(const comm::LedgerRow& row, Of whose) {
  return fmt::format("round {}, {}, {} {} {}: {} bits", row.id.round,
                     whose == Of::worker ? fmt::format("worker {}", row.id.worker) : "all workers",
                     comm::name(row.id.direction), comm::name(row.id.kind), comm::name(row.field),
                     row.bits.count());
}

void append_rows(const comm::MessageId& id, const comm::FieldBits& bits,
                 std::vector<comm::LedgerRow>& rows) {
  for (const Field field : comm::kAllFields) {
    if (bits[field] == comm::Bits(0)) continue;
    rows.push_back({.id = id, .field = field, .bits = bits[field]});
  }
}

void take(std::span<const comm::LedgerRow>& rows, const std::vector<comm::LedgerRow>& wanted,
          Of whose) {
  for (const comm::LedgerRow& want : wanted) {
    if (rows.empty()) {
      throw CheckFailed(
          fmt::format("{} by {}, the ledger has no such row", describe(want, whose), law_of(want)));
    }
    if (!equal(rows.front(), want)) {
      throw CheckFailed(fmt::format("{} by {}, the ledger says {}", describe(want, whose),
                                    law_of(want), describe(rows.front(), whose)));
    }
    rows = rows.subspan(1);
  }
}

void check_nothing_is_left(std::span<const comm::LedgerRow> rows, Of whose) {
  if (rows.empty()) return;
  throw CheckFailed(fmt::format("{}, which {} does not have", describe(rows.front(), whose),
                                law_of(rows.front())));
}

}  // namespace mvsgd::sim
