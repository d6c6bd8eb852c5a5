#include "sim/reproduce/claimed_differences.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <string>

#include "sim/reproduce/cells.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::string_view kNotes =
    "Points of accuracy by which the row ends above the other: mean \u00b1 sample standard "
    "deviation over the n seeds that both have. p is that of a two-sided t-test of these pairs; in "
    "brackets adjusted for this table's comparisons by Holm. The paper's p is Welch's for its "
    "printed means and population deviations; momentum and layers it did not try.";

const ClaimRow* find_row(std::span<const ClaimRow> rows, std::string_view preset) {
  const auto row = std::ranges::find(rows, preset, &ClaimRow::preset);
  return row == rows.end() ? nullptr : &*row;
}

ClaimedDifference difference_of(std::span<const ClaimRow> rows, const ComparedRows& compared) {
  ClaimedDifference result;
  result.rows = compared;
  const ClaimRow* row = find_row(rows, compared.row);
  const ClaimRow* than = find_row(rows, compared.than);
  if (row != nullptr && than != nullptr) {
    if (const auto difference = paired_difference(row->trials, than->trials)) {
      result.points = difference->points;
      if (difference->test) result.test = AdjustedTest{.test = *difference->test};
    }
  }
  const auto printed_row = printed_accuracy(compared.row);
  const auto printed_than = printed_accuracy(compared.than);
  if (printed_row && printed_than) {
    result.papers = printed_row->mean - printed_than->mean;
    if (const auto test = welch_test(*printed_row, *printed_than)) {
      result.papers_test = AdjustedTest{.test = *test};
    }
  }
  return result;
}

void adjust_all(std::vector<ClaimedDifference>& differences,
                std::optional<AdjustedTest> ClaimedDifference::*which) {
  std::vector<AdjustedTest*> tests;
  for (ClaimedDifference& one : differences) {
    if (one.*which) tests.push_back(&*(one.*which));
  }
  adjust(tests);
}

}  // namespace

std::span<const ComparedRows> compared_rows() {
  static constexpr auto kRows = std::to_array<ComparedRows>(
      {{"random selection is similar", "ssgd-mv-rs-l4", "ssgd-mv-l4"},
       {"random selection is similar", "ssgd-mv-rs-l8", "ssgd-mv-l8"},
       {"it outperforms the benchmarks", "ssgd-mv-rs-l4", "sm"},
       {"it outperforms the benchmarks", "ssgd-mv-rs-l4", "top-k"},
       {"it outperforms the benchmarks", "ssgd-mv-rs-l8", "sm"},
       {"it outperforms the benchmarks", "ssgd-mv-rs-l8", "top-k"},
       {"4-bit values matter very little", "ssgd-mv-l8-q", "ssgd-mv-l8"},
       {"4-bit values matter very little", "ssgd-mv-ad-l4-q", "ssgd-mv-ad-l4"},
       {"4-bit values matter very little", "ssgd-mv-ad-l8-q", "ssgd-mv-ad-l8"},
       {"the fewest bits outperform the benchmarks", "ssgd-mv-ad-l4-q", "sm"},
       {"the fewest bits outperform the benchmarks", "ssgd-mv-ad-l4-q", "top-k"},
       {"the fewest bits outperform the benchmarks", "ssgd-mv-ad-l8-q", "sm"},
       {"the fewest bits outperform the benchmarks", "ssgd-mv-ad-l8-q", "top-k"},
       {"of whole votes, H = 4 is the best", "ssgd-mv-l4", "ssgd-mv"},
       {"of whole votes, H = 4 is the best", "ssgd-mv-l4", "ssgd-mv-l2"},
       {"of whole votes, H = 4 is the best", "ssgd-mv-l4", "ssgd-mv-l8"},
       {"add-drop regularises", "ssgd-mv-ad-l2", "ssgd-mv-l2"},
       {"add-drop regularises", "ssgd-mv-ad", "ssgd-mv"},
       {"add-drop regularises", "ssgd-mv-ad-l4", "ssgd-mv-l4"},
       {"add-drop regularises", "ssgd-mv-ad-l8", "ssgd-mv-l8"},
       {"local steps help the vote", "ssgd-mv-ad-l2", "ssgd-mv-ad"},
       {"momentum would improve it", "modern-mv-l4", "ssgd-mv-l4"},
       {"momentum would improve it", "modern-mv-ad-l4-q", "ssgd-mv-ad-l4-q"},
       {"selection by layer would improve it", "modern-mv-ad-l4-q-layer", "modern-mv-ad-l4-q"}});
  return kRows;
}

std::vector<ClaimedDifference> claimed_differences(std::span<const ClaimRow> rows) {
  std::vector<ClaimedDifference> differences;
  for (const ComparedRows& compared : compared_rows()) {
    differences.push_back(difference_of(rows, compared));
  }
  adjust_all(differences, &ClaimedDifference::test);
  adjust_all(differences, &ClaimedDifference::papers_test);
  return differences;
}

void write_claimed_differences(std::ostream& out, std::span<const ClaimedDifference> differences) {
  fmt::print(
      out,
      "| the paper says | row | less | n | points | p (Holm) | the paper's points | p (Holm) "
      "|\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const ClaimedDifference& one : differences) {
    fmt::print(out, "| {} | {} | {} | {} | {} | {} | {} | {} |\n", one.rows.says, one.rows.row,
               one.rows.than, one.points ? one.points->n : 0,
               sample_cell(one.points, {.has_sign = true}), p_cell(one.test),
               one.papers ? fmt::format("{:+.2f}", *one.papers) : "", p_cell(one.papers_test));
  }
  fmt::print(out, "\n{}\n", kNotes);
}

void write_claimed_differences_csv(std::ostream& out,
                                   std::span<const ClaimedDifference> differences) {
  fmt::print(out,
             "row,than,seeds,points,deviation,paired_t,paired_degrees,paired_p,paired_holm,"
             "paper_points,paper_welch_t,paper_welch_degrees,paper_welch_p,paper_welch_holm\n");
  for (const ClaimedDifference& one : differences) {
    fmt::print(out, "{},{},{},{},{},{},{},{}\n", one.rows.row, one.rows.than,
               one.points ? one.points->n : 0,
               csv_cell(one.points ? std::optional(one.points->mean) : std::nullopt),
               csv_cell(one.points ? one.points->deviation : std::nullopt),
               fmt::join(csv_cells(one.test), ","), csv_cell(one.papers),
               fmt::join(csv_cells(one.papers_test), ","));
  }
}

}  // namespace mvsgd::sim
