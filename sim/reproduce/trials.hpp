// The trials of Table 1, each in a directory, and the means of each row.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/plan/settings.hpp"
#include "sim/plan/table1.hpp"
#include "sim/report/run_table.hpp"
#include "sim/report/seed_groups.hpp"

namespace mvsgd::sim {

/// A trial to be run, or that has been: its settings and where it is.
struct TrialSpec {
  Settings settings;
  std::filesystem::path path;  ///< of its run directory: OUT/runs/PRESET-seedN
  std::string images = "";     ///< digest_of() the images of `data`; "": not read
};

enum class TrialStage : std::uint8_t { absent, begun, finished };

/// A run of the same images is this trial's wherever they lie. Where one of the two digests is not
/// known, `data` must name the same place.
///
/// Throws InputError naming the first key that differs if the directory has a run of settings that
/// are not this trial's, or of other images.
[[nodiscard]] TrialStage stage_of(const TrialSpec& trial);

/// A row of the table from its finished trials.
struct RowResult {
  const PrintedRow* printed = nullptr;
  SeedGroup trials;                 ///< finished ones; of their rounds those that were evaluated
  std::optional<Sample> accuracy;   ///< in percent, after the last round; none without a trial
  std::optional<Welch> against_sm;  ///< the accuracies' difference; none for sm itself
  std::optional<BitBudget> up;      ///< means over the trials; none where nothing was sent
  std::optional<BitBudget> down;
  Rates rates;         ///< means over the trials
  double seconds = 0;  ///< mean of a trial

  [[nodiscard]] std::string_view preset() const { return printed->preset; }
};

/// Reads finished trials, each once however often results are asked for.
class Results {
 public:
  /// The rows of `printed` that have a trial among `trials`, in the table's order. A trial that has
  /// not ended enters nothing. Throws InputError if a directory cannot be read.
  [[nodiscard]] std::vector<RowResult> rows(std::span<const TrialSpec> trials);

 private:
  std::map<std::filesystem::path, RunHistory> finished_;
};

}  // namespace mvsgd::sim
