#include "sim/verify/hold.hpp"

#include <numeric>

namespace mvsgd::sim {

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
