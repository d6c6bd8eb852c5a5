// ledger.csv: the ledger's rows of a run.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "comm/ledger.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// Writes the first line: round,worker,direction,kind,field,bits, or the same without worker.
void write_ledger_header(std::ostream& out, LedgerRows which = LedgerRows::worker);

/// Writes the rows of a whole round, which are in the order of Ledger::close_round: as they are, or
/// summed over the workers in order of (direction, kind, field).
void write_ledger_rows(std::ostream& out, std::span<const comm::LedgerRow> rows,
                       LedgerRows which = LedgerRows::worker);

/// The rows of a ledger.csv. A sum becomes a row of worker 0. Throws InputError naming file and
/// line if a line is not such a row.
[[nodiscard]] std::vector<comm::LedgerRow> read_ledger(const std::filesystem::path& path,
                                                       LedgerRows which = LedgerRows::worker);

/// The same from a stream, which errors call `name`.
[[nodiscard]] std::vector<comm::LedgerRow> read_ledger(std::istream& in, const std::string& name,
                                                       LedgerRows which = LedgerRows::worker);

}  // namespace mvsgd::sim
