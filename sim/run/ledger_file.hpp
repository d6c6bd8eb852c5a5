// ledger.csv: the ledger's rows as a run keeps them.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "comm/ledger.hpp"

namespace mvsgd::sim {

/// The first line: round,worker,direction,kind,field,bits.
void write_ledger_header(std::ostream& out);
void write_ledger_rows(std::ostream& out, std::span<const comm::LedgerRow> rows);

/// The rows of a ledger.csv. Throws InputError naming file and line if one is not a row.
[[nodiscard]] std::vector<comm::LedgerRow> read_ledger(const std::filesystem::path& path);

/// The same from a stream, which messages call `name`.
[[nodiscard]] std::vector<comm::LedgerRow> read_ledger(std::istream& in, const std::string& name);

}  // namespace mvsgd::sim
