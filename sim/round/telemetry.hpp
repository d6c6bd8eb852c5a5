// Telemetry: what workers tell the person who watches. No part of the protocol: it travels in no
// message and enters no result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/round/phases.hpp"

namespace mvsgd::sim {

/// One round as a worker saw it, or as several did, summed in worker order. `phases` has the
/// server's time too in a round that is closed.
struct WorkerReport {
  double loss = 0;          ///< summed over workers and local steps, each a mean over its batch
  std::uint64_t steps = 0;  ///< local steps summed over workers
  std::uint64_t images = 0;
  double vote_overlap = 0;     ///< sum over workers of |M_n,t and M_n,t-1| / K
  std::uint32_t overlaps = 0;  ///< workers that had a vote before this one
  Phases phases;               ///< processor time; no two runs have the same

  WorkerReport& operator+=(const WorkerReport& other);
};

/// The report as a worker sends it with its counts of the round (comm::Transport::report_round).
[[nodiscard]] std::vector<std::byte> encode_report(const WorkerReport& report);

/// The same back. Throws comm::DecodeError if the bytes are not of one report.
[[nodiscard]] WorkerReport decode_report(std::span<const std::byte> bytes);

}  // namespace mvsgd::sim
