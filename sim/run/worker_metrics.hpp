// What each worker has of its own in an evaluated round: a line of worker_metrics.jsonl, which a
// run has with the setting `worker_metrics` (sim/run/README.md has the fields).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/round/leader.hpp"

namespace mvsgd::sim {

struct WorkerMetrics {
  using Numbers = std::vector<std::optional<double>>;  ///< [N]; none where a worker has none

  std::uint32_t round = 0;
  double epoch = 0;        ///< at the round's end
  Numbers loss;            ///< mean over the worker's local steps; none of an absent one
  Numbers vote_overlap;    ///< |M_{n,t} and its vote before| / K; none before a second vote
  Numbers vote_agreement;  ///< |M_{n,t} and M_t| / K; none without a vote in this round
  Numbers error_norm;      ///< the Euclidean norm of e_n after the round
  /// The share of M_t that was chosen among more coordinates with as many votes; none in rounds and
  /// schemes without ties.
  std::optional<double> tied;
};

/// Of a round whose record has reports by worker.
[[nodiscard]] WorkerMetrics worker_metrics_of(const RoundRecord& record);

/// A number of each worker, and how a report shows it.
struct WorkerMetric {
  std::string_view name;  ///< in a line
  std::string_view title;
  WorkerMetrics::Numbers WorkerMetrics::*of;
  bool is_share = false;  ///< shown as a percentage
};
[[nodiscard]] std::span<const WorkerMetric> worker_metrics();

/// A line, without its end. Members of which no worker has a number are left out.
[[nodiscard]] std::string line_of(const WorkerMetrics& metrics);

/// Reads a line of a run of so many workers. Throws a std::exception with a reason if it is none.
[[nodiscard]] WorkerMetrics parse_worker_line(std::string_view text, std::uint32_t workers);

}  // namespace mvsgd::sim
