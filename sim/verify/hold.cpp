#include "sim/verify/hold.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace mvsgd::sim {
namespace {

/// Throws CheckFailed unless `number`, which `name` says what it is, can be the metric's.
void hold_number(std::string_view where, std::string_view name, double number, const Metric& metric,
                 std::uint32_t round) {
  // An age is 1 at least, and no coordinate has waited longer than since round 0.
  const bool is_age = metric.is_averaged && !metric.is_share;
  const double least = is_age ? 1 : 0;
  double most = std::numeric_limits<double>::max();
  if (metric.is_share) most = 1;
  if (is_age) most = round;
  if (number >= least && number <= most) return;
  throw CheckFailed(fmt::format("{}: {} is {}, not from {}{}", where, name, number, least,
                                metric.is_share || is_age ? fmt::format(" to {}", most) : " on"));
}

}  // namespace

void hold_numbers(std::string_view where, const RoundHistory& line) {
  for (const Metric& metric : metrics()) {
    const std::optional<double> number = metric.of == nullptr ? std::nullopt : metric.of(line);
    if (number) hold_number(where, metric.name, *number, metric, line.round);
  }
  for (const auto& [name, mean] : line.means) {
    const auto metric = std::ranges::find(metrics(), name, &Metric::name);
    if (metric == metrics().end() || !metric->is_averaged) {
      throw CheckFailed(fmt::format("{}: a mean of '{}', which has none", where, name));
    }
    hold_number(where, fmt::format("the mean of {}", name), mean, *metric, line.round);
  }
}

void hold_layers(std::string_view where, const RoundHistory& line, std::uint64_t mask) {
  if (line.kept.empty()) return;
  const std::uint64_t kept =
      std::accumulate(line.kept.begin(), line.kept.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const LayerShare& share) { return sum + share.kept; });
  hold(where, "the sum of kept_by_layer", kept, mask, "the mask has");
  for (std::size_t i = 0; i < line.in_masks.size(); ++i) {
    const LayerShare& all = line.in_masks[i];
    if (all.kept < line.kept.at(i).kept || all.kept > static_cast<std::uint64_t>(all.coordinates)) {
      throw CheckFailed(
          fmt::format("{}: in_masks_by_layer has {} of {}, of whose {} the mask has {}", where,
                      all.kept, all.layer, all.coordinates, line.kept.at(i).kept));
    }
  }
}

void hold_end(const RunHistory& run, const Rates& rates) {
  constexpr std::string_view kWhere = "the end";
  constexpr std::string_view kBy = "the last round has";
  const RunEnd& end = *run.end;
  if (!run.rounds.empty()) {
    const RoundHistory& last = run.rounds.back();
    hold(kWhere, "test_accuracy", std::optional(end.test_accuracy), last.test_accuracy, kBy);
    hold(kWhere, "test_loss", end.test_loss, last.test_loss, kBy);
    // An older program wrote no digest in a round's line.
    if (!last.theta_sha256.empty()) {
      hold(kWhere, "theta_sha256", end.digest, last.theta_sha256, kBy);
    }
  }
  for (const auto& [name, rate] : kRates) {
    hold(kWhere, name, end.rates.*rate, rates.*rate, "the ledger's rows give");
  }
}

}  // namespace mvsgd::sim
