#include "sim/round/telemetry.hpp"

namespace mvsgd::sim {

void Telemetry::add(std::uint32_t round, std::uint32_t worker, const WorkerReport& report) {
  const std::lock_guard lock(mutex_);
  rounds_[round][worker] = report;
}

WorkerReport Telemetry::take(std::uint32_t round) {
  const std::lock_guard lock(mutex_);
  WorkerReport sum;
  for (const auto& [worker, report] : rounds_[round]) {
    sum.loss += report.loss;
    sum.steps += report.steps;
    sum.images += report.images;
    sum.vote_overlap += report.vote_overlap;
    sum.overlaps += report.overlaps;
    sum.phases += report.phases;
  }
  rounds_.erase(round);
  return sum;
}

}  // namespace mvsgd::sim
