// Checks a condensed run: its sums against the law, its lines against its schedule and these sums.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "comm/ledger.hpp"
#include "sim/law/audit.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/run/condensed_run.hpp"
#include "sim/run/run_history.hpp"

namespace mvsgd::sim {

/// What a condensed run's files are compared with.
struct CondensedRecord {
  std::span<const Round> plan;  ///< of the whole run; [0] is what precedes the first round
  std::span<const comm::LedgerRow> rows;
  const SizesFromRound& sizes;
  std::function<std::uint64_t(std::size_t t)> k;  ///< K of round t, the coordinates of a mask
  std::uint64_t d = 0;
};

/// Checks the rows: the law's sums over the warm-up and over what comes after it, for the sizes
/// that sizes.csv tells. Throws CheckFailed as Audit::check_totals() does.
void hold_totals(const CondensedRecord& record, const Audit& audit);

/// Checks every number of metrics.jsonl that schedule, settings, ledger and sizes determine, the
/// rates among them, and the form of the digests. Throws CheckFailed naming the first that differs.
void hold_condensed_metrics(const RunHistory& run, const CondensedRecord& record);

}  // namespace mvsgd::sim
