// Rows of a ledger against the rows that the law wants. Private to law/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "comm/ledger.hpp"

namespace mvsgd::sim {

/// Whose bits a row has; a sum over all workers stands under worker 0.
enum class Of : std::uint8_t { worker, all_workers };

/// "round 3, worker 0, up vote positions: 42 bits".
[[nodiscard]] std::string describe(const comm::LedgerRow& row, Of whose);

/// Appends the rows of a message of these bits.
void append_rows(const comm::MessageId& id, const comm::FieldBits& bits,
                 std::vector<comm::LedgerRow>& rows);

/// Removes the wanted rows from the front of `rows`. Throws CheckFailed at the first difference.
void take(std::span<const comm::LedgerRow>& rows, const std::vector<comm::LedgerRow>& wanted,
          Of whose);

/// Throws CheckFailed naming the first row, if there is one.
void check_nothing_is_left(std::span<const comm::LedgerRow> rows, Of whose);

}  // namespace mvsgd::sim
