#include "sim/reproduce/sweep_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "sim/plan/presets.hpp"
#include "sim/train/backends.hpp"

namespace mvsgd::sim {
namespace {

std::vector<std::string_view> wanted_rows(const TableOrFigure& what,
                                          const std::vector<std::string>& rows) {
  std::vector<std::string_view> named;  // as the presets are, however the user spells them
  for (const std::string& row : rows) {
    named.push_back(preset(row).name);
    if (std::ranges::find(what.presets, named.back()) == what.presets.end()) {
      throw UsageError(fmt::format("--rows {}: no row of {}", named.back(), what.name));
    }
  }
  std::vector<std::string_view> wanted;
  for (const std::string_view name : what.presets) {
    if (named.empty() || std::ranges::find(named, name) != named.end()) wanted.push_back(name);
  }
  // The benchmark runs first: every other row is compared with it.
  std::stable_partition(wanted.begin(), wanted.end(),
                        [](std::string_view name) { return name == "sm"; });
  return wanted;
}

/// Throws UsageError if a given key has no effect in any trial.
void refuse_without_effect_in_any(const std::vector<TrialSpec>& trials,
                                  const GivenSettings& given) {
  for (const auto& [key, value] : given) {
    const auto without_effect = [&name = key](const TrialSpec& trial) {
      return !why_without_effect(trial.settings, name).empty();
    };
    if (!std::ranges::all_of(trials, without_effect)) continue;
    const GivenKey named{.key = key, .where = ""};
    refuse_without_effect(trials.front().settings, {&named, 1});
  }
}

}  // namespace

std::string wanted_data(const SweepPlan& plan) {
  return fmt::format(
      "scale {} needs --data DIR with CIFAR-10's files, which 'mvsgd data fetch DIR' gets",
      plan.scale->name);
}

SweepPlan plan_sweep(const SweepRequest& request) {
  SweepPlan plan{.what = &table_or_figure(request.what),
                 .scale = &scale(request.scale),
                 .out = request.out.empty() ? std::filesystem::path("reproduction-" + request.scale)
                                            : std::filesystem::path(request.out),
                 .count = request.trials,
                 .trials = {}};
  if (plan.count == 0) plan.count = plan.scale->trials;
  const auto has_data = [&] {
    return std::ranges::find(request.given, "data", &GivenSettings::value_type::first) !=
           request.given.end();
  };
  plan.lacks_data = !plan.scale->embedded_data && !has_data();
  const std::vector<std::string_view> rows = wanted_rows(*plan.what, request.rows);
  if (plan.lacks_data && request.archive.empty()) throw UsageError(wanted_data(plan));
  for (std::uint32_t seed = 1; seed <= plan.count; ++seed) {
    for (const std::string_view row : rows) {
      plan.trials.push_back({.settings = trial_settings(*plan.scale, row, seed, request.given),
                             .path = plan.out / "runs" / fmt::format("{}-seed{}", row, seed)});
    }
  }
  refuse_without_effect_in_any(plan.trials, request.given);
  return plan;
}

}  // namespace mvsgd::sim
