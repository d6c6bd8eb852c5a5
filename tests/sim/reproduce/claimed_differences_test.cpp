// How rows compare, by the trials and by the paper.
#include "sim/reproduce/claimed_differences.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/plan/presets.hpp"
#include "sim/reproduce/tables_and_figures.hpp"

namespace mvsgd::sim {
namespace {

using testing::Contains;
using testing::HasSubstr;

/// A row of finished trials: their seeds, and accuracies in per cent.
ClaimRow row_of(std::string_view preset_name,
                std::initializer_list<std::pair<std::uint64_t, double>> trials) {
  ClaimRow row;
  row.preset = preset_name;
  for (const auto& [seed, percent] : trials) {
    RunHistory& run = row.trials.runs.emplace_back();
    run.settings = preset(preset_name).settings;
    run.settings.seed = seed;
    run.end.emplace().test_accuracy = percent / 100;
  }
  return row;
}

ClaimedDifference difference_of(std::span<const ClaimRow> rows, std::string_view row,
                                std::string_view than) {
  for (const ClaimedDifference& one : claimed_differences(rows)) {
    if (one.rows.row == row && one.rows.than == than) return one;
  }
  ADD_FAILURE() << row << " is not compared with " << than;
  return {};
}

TEST(ClaimedDifferences, AreOfPairsOfTheSameSeed) {
  const std::vector<ClaimRow> rows = {
      row_of("ssgd-mv-l4", {{1, 85}, {2, 80}, {3, 84}}),
      row_of("ssgd-mv-rs-l4", {{4, 10}, {3, 85}, {1, 88}}),
      row_of("ssgd-mv-rs-l8", {{1, 85}}),
  };
  const ClaimedDifference two = difference_of(rows, "ssgd-mv-rs-l4", "ssgd-mv-l4");
  ASSERT_TRUE(two.points && two.test);
  EXPECT_EQ(two.points->n, 2U);
  EXPECT_NEAR(two.points->mean, 2, 1e-9);  // 1 and 3
  EXPECT_NEAR(two.points->deviation.value(), 1.4142135623730951, 1e-9);
  EXPECT_NEAR(two.test->test.t, 2, 1e-9);

  const ClaimedDifference none = difference_of(rows, "ssgd-mv-rs-l8", "ssgd-mv-l8");
  EXPECT_FALSE(none.points || none.test);
  const ClaimedDifference unmatched = difference_of(
      std::vector{row_of("ssgd-mv-rs-l8", {{1, 85}}), row_of("ssgd-mv-l8", {{2, 85}})},
      "ssgd-mv-rs-l8", "ssgd-mv-l8");
  EXPECT_FALSE(unmatched.points.has_value());
}

TEST(ClaimedDifferences, HaveThePapersWhereItHasBothRows) {
  const ClaimedDifference printed = difference_of({}, "ssgd-mv-ad-l2", "ssgd-mv-l2");
  EXPECT_NEAR(printed.papers.value(), 92.6 - 92.5, 1e-9);
  // (92.6 - 92.5) / sqrt((0.19^2 + 0.15^2) / 9): population deviations of ten.
  EXPECT_NEAR(printed.papers_test.value().test.t, 1.239285, 1e-5);
  const ClaimedDifference ours = difference_of({}, "modern-mv-l4", "ssgd-mv-l4");
  EXPECT_FALSE(ours.papers || ours.papers_test);
}

TEST(ClaimedDifferences, AreAdjustedTogether) {
  const std::vector<ClaimRow> rows = {
      row_of("ssgd-mv-l4", {{1, 85}, {2, 80}, {3, 84}}),
      row_of("ssgd-mv", {{1, 84}, {2, 78}, {3, 81}}),      // less 1, 2, 3
      row_of("ssgd-mv-l8", {{1, 84}, {2, 78.5}, {3, 84}})  // less 1, 1.5, 0
  };
  const ClaimedDifference near = difference_of(rows, "ssgd-mv-l4", "ssgd-mv");
  const ClaimedDifference far = difference_of(rows, "ssgd-mv-l4", "ssgd-mv-l8");
  EXPECT_NEAR(near.test->holm, 2 * near.test->test.p, 1e-12);
  EXPECT_NEAR(far.test->holm, far.test->test.p, 1e-12);
  EXPECT_LT(near.test->test.p, far.test->test.p);
  EXPECT_EQ(difference_of(rows, "ssgd-mv-ad-l2", "ssgd-mv-l2").papers_test->holm, 1);
}

TEST(ClaimedDifferences, AreOfRowsThatClaimsRuns) {
  for (const ComparedRows& rows : compared_rows()) {
    EXPECT_NE(rows.row, rows.than);
    for (const std::string_view name : {rows.row, rows.than}) {
      EXPECT_THAT(table_or_figure("claims").presets, Contains(name));
    }
  }
}

TEST(ClaimedDifferences, ALineHasPointsTestsAndThePapers) {
  const std::vector<ClaimRow> rows = {row_of("ssgd-mv-rs-l4", {{1, 86}, {2, 85}}),
                                      row_of("ssgd-mv-l4", {{1, 85}, {2, 83}}),
                                      row_of("modern-mv-l4", {{1, 84}})};
  const std::vector<ClaimedDifference> differences = claimed_differences(rows);
  std::ostringstream text;
  write_claimed_differences(text, differences);
  EXPECT_THAT(text.str(),
              HasSubstr("\n| random selection is similar | ssgd-mv-rs-l4 | ssgd-mv-l4 | "
                        "2 | +1.50 \u00b1 0.71 | 0.2 (0.2) | -0.11 | 0.43 (1) |\n"));
  EXPECT_THAT(text.str(),
              HasSubstr("\n| momentum would improve it | modern-mv-l4 | ssgd-mv-l4 | 1 | "
                        "-1.00 |  |  |  |\n"));
  EXPECT_THAT(text.str(), HasSubstr("| ssgd-mv-l8-q | ssgd-mv-l8 | 0 |  |  | +0.06 | "));
  std::ostringstream csv;
  write_claimed_differences_csv(csv, differences);
  EXPECT_THAT(csv.str(), HasSubstr("\nmodern-mv-l4,ssgd-mv-l4,1,-1,,,,,,,,,,\n"));
  std::istringstream lines(csv.str());
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(std::ranges::count(line, ','), 13) << line;
  }
  EXPECT_EQ(count, compared_rows().size() + 1);
}

}  // namespace
}  // namespace mvsgd::sim
