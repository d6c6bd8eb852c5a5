// Checks a run's metrics.jsonl against its schedule and its ledger.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "comm/ledger.hpp"
#include "sim/law/round_sizes.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/run/run_history.hpp"

namespace mvsgd::sim {

/// What a run's lines are compared with.
struct RunRecord {
  std::span<const Round> plan;  ///< of the whole run; [0] is what precedes the first round
  std::function<std::uint64_t(std::size_t t)> k;  ///< K of round t, the coordinates of a mask
  std::uint64_t d = 0;
  /// The ledger's rows of round t; empty if the run has not reached it.
  std::function<std::span<const comm::LedgerRow>(std::size_t t)> rows;
  std::function<RoundSizes(std::size_t t)> sizes;  ///< the sizes that follow from these rows
};

/// Checks every number of metrics.jsonl that schedule, settings and ledger determine: epoch, local
/// steps, rate and images of each round, its bits, the sizes that its messages show, and at the end
/// of a run the last evaluation and the four rates. Throws CheckFailed naming round, number and
/// both values of the first that differs.
void hold_metrics(const RunHistory& run, const RunRecord& record);

/// Holds worker_metrics.jsonl against the schedule, and its means against metrics.jsonl. A run that
/// goes on may have lines of rounds whose lines of metrics.jsonl are still to come.
void hold_worker_metrics(const RunHistory& run, const RunRecord& record);

}  // namespace mvsgd::sim
