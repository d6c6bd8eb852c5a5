// Telemetry: what workers tell a person who watches. It is no part of the protocol: no message
// carries it, and no result depends on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/round/phases.hpp"

namespace mvsgd::sim {

/// A worker's report of one round, or the sum of several workers' in worker order. In a closed
/// round `phases` includes the server's time.
struct WorkerReport {
  double loss = 0;          ///< summed over workers and local steps, each a mean over its batch
  std::uint64_t steps = 0;  ///< local steps summed over workers
  std::uint64_t images = 0;
  double vote_overlap = 0;     ///< sum over workers of |M_n,t and M_n,t-1| / K
  std::uint32_t overlaps = 0;  ///< workers that have voted before
  // With worker_metrics in evaluated rounds, else 0:
  double vote_agreement = 0;  ///< sum over workers of |M_n,t and M_t| / K
  std::uint32_t votes = 0;    ///< workers that have voted
  double error_square = 0;    ///< sum over workers of |e_n|^2 after the round
  Phases phases;              ///< processor time, which differs from run to run

  WorkerReport& operator+=(const WorkerReport& other);
};

/// The report as bytes, which a worker sends with its counts of the round
/// (comm::Transport::report_round).
[[nodiscard]] std::vector<std::byte> encode_report(const WorkerReport& report);

/// Decodes a report. Throws comm::DecodeError if the bytes are not exactly one.
[[nodiscard]] WorkerReport decode_report(std::span<const std::byte> bytes);

}  // namespace mvsgd::sim
