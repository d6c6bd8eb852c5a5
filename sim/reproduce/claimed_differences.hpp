// What the paper says of how the accuracies of two rows compare, and what trials say of it.
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sim/reproduce/claims.hpp"
#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// A sentence of section 4.4 about two rows, in short, by the presets' names.
struct ComparedRows {
  std::string_view says;  ///< "random selection is similar"
  std::string_view row;
  std::string_view than;  ///< the row that it is compared with
};

/// Every such pair, in the order of the paper's sentences.
[[nodiscard]] std::span<const ComparedRows> compared_rows();

/// What the trials say of a pair, and what the paper's printed means and deviations say.
struct ClaimedDifference {
  ComparedRows rows;
  std::optional<Sample> points;      ///< of accuracy, by pairs of the same seed; none without any
  std::optional<AdjustedTest> test;  ///< of these pairs
  std::optional<double> papers;      ///< points; none if the paper lacks one of the rows
  std::optional<AdjustedTest> papers_test;  ///< Welch's
};

/// All pairs, in order. Tests are adjusted for as many as there are, ours and the paper's apart.
[[nodiscard]] std::vector<ClaimedDifference> claimed_differences(std::span<const ClaimRow> rows);

/// The pairs as Markdown.
void write_claimed_differences(std::ostream& out, std::span<const ClaimedDifference> differences);

/// All numbers unrounded, a line for each pair.
void write_claimed_differences_csv(std::ostream& out,
                                   std::span<const ClaimedDifference> differences);

}  // namespace mvsgd::sim
