// Numbers for what the paper says of votes, masks and errors over a run (claims.md).
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/report/plots.hpp"
#include "sim/report/seed_groups.hpp"
#include "sim/reproduce/table.hpp"
#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// A row's trials, and the means over them of numbers that are means over the sparse rounds of
/// each.
struct ClaimRow {
  SeedGroup trials;
  std::string preset;
  double local_steps = 0;               ///< H
  double phi = 0;                       ///< what two drawn masks have in common
  std::optional<Sample> accuracy;       ///< in per cent, after the last round
  std::optional<Sample> mean_accuracy;  ///< in per cent, over the evaluations
  std::optional<Sample> gain_at_decay;  ///< in points
  std::optional<Sample> rate_uplink;
  std::optional<Sample> mask_overlap;
  std::optional<Sample> vote_overlap;
  std::optional<Sample> vote_agreement;
  std::optional<Sample> mask_age;  ///< in rounds; times H: in local steps
  std::optional<Sample> in_masks;  ///< share of the coordinates that some mask has had, at the end
};

/// The mean of a metric over a run's sparse rounds that have it. A line of a condensed run counts
/// as often as it has rounds, also where its first one lacks the metric. None if no line has it.
[[nodiscard]] std::optional<double> over_sparse_rounds(const RunHistory& run, const Metric& metric);

/// The share of all coordinates that some mask has had since the last dense round, after the last
/// evaluation. None without mask_metrics.
[[nodiscard]] std::optional<double> share_in_masks(const RunHistory& run);

/// By how many points of accuracy the first evaluation after the learning rate first falls is above
/// the last one before. None if the run lacks one of them.
[[nodiscard]] std::optional<double> gain_at_decay(const RunHistory& run);

/// Of the trials that have finished, whole or condensed, a row for each preset, in their order.
/// Throws InputError if a directory cannot be read.
[[nodiscard]] std::vector<ClaimRow> claim_rows(std::span<const TrialSpec> trials);

/// The rows as Markdown.
void write_claims(std::ostream& out, const Caption& caption, std::span<const ClaimRow> rows);

/// By layer, as Markdown, the share of the coordinates that some mask has had, of the rows where
/// not all have been in one, as far as write_claims() shows. Nothing if there are none.
void write_in_masks(std::ostream& out, std::span<const ClaimRow> rows);

/// A line with the trials that have not finished, if there are any.
void write_lacking(std::ostream& out, std::span<const TrialSpec> trials);

/// All numbers unrounded, a line for each row.
void write_claims_csv(std::ostream& out, std::span<const ClaimRow> rows);

/// Each with a key: overlap of masks and of votes, and age of masks, against the epoch, without
/// rows of few bits a value and of momentum, which stand here for their accuracy; against H, for
/// whole votes and for add-drop, the deviation of the accuracy and the age of masks in local steps.
/// A curve against H has two H at least.
[[nodiscard]] std::vector<Plot> claim_plots(std::span<const ClaimRow> rows);

}  // namespace mvsgd::sim
