// ledger.csv: the ledger's rows as a run keeps them.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "comm/ledger.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The first line: round,worker,direction,kind,field,bits, or the same without worker.
void write_ledger_header(std::ostream& out, LedgerRows which = LedgerRows::worker);

/// Rows of a whole round, as Ledger::close_round orders them: as they are, or their sums over the
/// workers in order of (direction, kind, field).
void write_ledger_rows(std::ostream& out, std::span<const comm::LedgerRow> rows,
                       LedgerRows which = LedgerRows::worker);

/// The rows of a ledger.csv; a sum stands as a row of worker 0. Throws InputError naming file and
/// line if one is not such a row.
[[nodiscard]] std::vector<comm::LedgerRow> read_ledger(const std::filesystem::path& path,
                                                       LedgerRows which = LedgerRows::worker);

/// The same from a stream, which messages call `name`.
[[nodiscard]] std::vector<comm::LedgerRow> read_ledger(std::istream& in, const std::string& name,
                                                       LedgerRows which = LedgerRows::worker);

}  // namespace mvsgd::sim
