// The files that a reproduction writes besides its trials: tables and figures.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/report/plots.hpp"
#include "sim/reproduce/claims.hpp"
#include "sim/reproduce/sweep_plan.hpp"
#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// The finished trials' results as text and plots, and the files that have them. Plan and rows must
/// outlive it.
class ResultsFiles {
 public:
  /// The caption has every setting in which the rows differ from their presets, without seed and
  /// data. Throws InputError if a trial's directory cannot be read.
  ResultsFiles(const SweepPlan& plan, std::span<const RowResult> rows);

  /// The table, with its caption. Empty for a figure.
  [[nodiscard]] const std::string& markdown() const { return markdown_; }

  /// Writes NAME.csv, for tables also .md, for claims also claims_differences.csv, and for Table 1
  /// also .html, without drawings. Throws
  /// std::runtime_error if a file cannot be written.
  void write_numbers() const;

  /// Draws the figures that the rows make possible, as SVG documents and on the table's page.
  /// Throws as run_gnuplot() does, and std::runtime_error if a file cannot be written.
  void draw() const;

 private:
  /// The figures that the rows, or the claims, make possible.
  [[nodiscard]] std::vector<Plot> plots() const;

  const SweepPlan* plan_;
  std::span<const RowResult> rows_;
  std::string markdown_;
  std::string csv_;
  std::string differences_csv_;  ///< of claims
  std::vector<ClaimRow> claims_;
};

}  // namespace mvsgd::sim
