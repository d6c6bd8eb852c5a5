// Telemetry: what workers and server tell the person who watches. No part of the protocol: nothing
// here travels or enters a result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

#include "sim/round/phases.hpp"

namespace mvsgd::sim {

/// One round as the workers saw it, summed over them. `phases` has the server's time too when a
/// trial reports it.
struct WorkerReport {
  double loss = 0;          ///< summed over workers and local steps, each a mean over its batch
  std::uint64_t steps = 0;  ///< local steps summed over workers
  std::uint64_t images = 0;
  double vote_overlap = 0;     ///< sum over workers of |M_n,t and M_n,t-1| / K
  std::uint32_t overlaps = 0;  ///< workers that had a vote before this one
  Phases phases;               ///< the workers' processor time; no two runs have the same
};

/// Collects reports by round. Thread-safe. Sums are taken in worker order whatever the order of
/// arrival, so that metrics are as deterministic as the run.
class Telemetry {
 public:
  void add(std::uint32_t round, std::uint32_t worker, const WorkerReport& report);

  /// The sum of round's reports, which are forgotten.
  [[nodiscard]] WorkerReport take(std::uint32_t round);

 private:
  std::mutex mutex_;
  std::map<std::uint32_t, std::map<std::uint32_t, WorkerReport>> rounds_;
};

}  // namespace mvsgd::sim
