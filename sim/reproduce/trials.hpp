// The trials of Table 1, each in a directory of its own, and the means of each row.
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
#include "sim/reproduce/tables_and_figures.hpp"

namespace mvsgd::sim {

/// A trial, done or still to be run: its settings and its directory.
struct TrialSpec {
  Settings settings;
  std::filesystem::path path;  ///< the run's directory: OUT/runs/PRESET-seedN
  std::string images = "";     ///< digest_of() the images of `data`; "": not read
};

enum class TrialStage : std::uint8_t { absent, begun, finished };

/// How far a trial has got. A run of the same images counts as this trial's, wherever they lie. If
/// the digest of one of them is unknown, `data` must name the same place.
///
/// Throws InputError naming the first key that differs if the directory has a run of other settings
/// or other images.
[[nodiscard]] TrialStage stage_of(const TrialSpec& trial);

/// A test of two rows' accuracies, with its p among those of a table's comparisons.
struct AdjustedTest {
  TTest test;
  double holm = 1;  ///< p, adjusted for as many comparisons as the table has
};

/// Sets `holm` of all tests of a table together.
void adjust(std::span<AdjustedTest* const> tests);

/// By how much the accuracies of one row are above another's, by pairs of the same seed, which are
/// of the same split and initial weights.
struct PairedDifference {
  Sample points;              ///< of accuracy
  std::optional<TTest> test;  ///< none for one pair, or if all differ by the same
};

/// Of the seeds that both groups have. None if there is none.
[[nodiscard]] std::optional<PairedDifference> paired_difference(const SeedGroup& row,
                                                                const SeedGroup& than);

/// The paper's accuracy in per cent of the row of a preset, with the sample deviation: it prints
/// the population's. None for a preset without such a row.
[[nodiscard]] std::optional<Sample> printed_accuracy(std::string_view preset);

/// With sm. None for sm itself, and where there are too few trials.
struct Comparisons {
  std::optional<AdjustedTest> welch;
  std::optional<AdjustedTest> paired;  ///< by seed
};

/// A row of the table, from its finished trials.
struct RowResult {
  const PrintedRow* printed = nullptr;
  SeedGroup trials;                ///< finished ones, with the rounds that were evaluated
  std::optional<Sample> accuracy;  ///< in per cent, after the last round; none without a trial
  Comparisons ours;                ///< with the row sm
  Comparisons papers;  ///< of the paper's printed means and deviations: no pairs; of all its rows
  std::optional<BitBudget> up;  ///< means over the trials; none if nothing was sent
  std::optional<BitBudget> down;
  Rates rates;                          ///< means over the trials
  double seconds = 0;                   ///< mean of a trial
  double cpu_seconds = 0;               ///< mean of a trial, of all cores, without evaluations
  std::optional<Sample> less_baseline;  ///< points of accuracy, by pairs of the same seed

  [[nodiscard]] std::string_view preset() const { return printed->preset; }
};

/// Reads finished trials, each only once however often rows() is called.
class Results {
 public:
  /// The rows of `what` that have a trial among `trials`, in the table's order. Trials that have
  /// not ended do not count. Throws InputError if a directory cannot be read.
  [[nodiscard]] std::vector<RowResult> rows(std::span<const TrialSpec> trials,
                                            const TableOrFigure& what = table_or_figure("table1"));

 private:
  std::map<std::filesystem::path, RunHistory> finished_;
};

}  // namespace mvsgd::sim
