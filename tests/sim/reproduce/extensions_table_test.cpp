// The table of extensions, by value.
#include "sim/reproduce/extensions_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

/// modern-sm, and one that sends little and is worse by `less`.
std::vector<RowResult> two_rows(double less) {
  const auto printed = rows_of(table_or_figure("extensions"));
  std::vector<RowResult> rows(2);
  rows[0].printed = &*std::ranges::find(printed, "modern-sm", &PrintedRow::preset);
  rows[0].trials.runs.resize(3);
  rows[0].accuracy = Sample{.mean = 88, .deviation = 0.2, .n = 3};
  rows[1].printed = &*std::ranges::find(printed, "modern-mv-ad-l4-q-both", &PrintedRow::preset);
  rows[1].trials.runs.resize(2);
  rows[1].accuracy = Sample{.mean = 88 - less, .deviation = 1, .n = 2};
  rows[1].less_baseline = Sample{.mean = -less, .deviation = 0.5, .n = 2};
  rows[1].up = BitBudget{.q_loc = 0.004, .q_val = 0.012};
  rows[1].down = BitBudget{.q_loc = 0.01, .q_val = 0.022};
  rows[1].rates = {.uplink = 2000, .both_ways = 1333.4, .run_uplink = 900, .run_both_ways = 45.25};
  rows[1].cpu_seconds = 1234.4;
  return rows;
}

std::string table_of(const std::vector<RowResult>& rows) {
  std::ostringstream out;
  write_extensions(out, {.title = "E", .settings = "", .summary = "small", .trials = 3}, rows);
  return out.str();
}

TEST(ExtensionsTable, ARowHasIntervalsRatesBothWaysAndTime) {
  // Half of Student's interval: 12.706 / sqrt(2) deviations of two, 4.3027 / sqrt(3) of three.
  EXPECT_THAT(
      table_of(two_rows(0.25)),
      HasSubstr("| modern-mv-ad-l4-q-both | 2 of 3 | 87.75 \u00b1 8.98 | -0.25 \u00b1 4.49 | "
                "\u00d72000 | \u00d71000 | \u00d71333 | \u00d7900 | \u00d745.2 | 1234 s |"));
  EXPECT_THAT(table_of(two_rows(0.25)),
              HasSubstr("| modern-sm | 3 | 88.00 \u00b1 0.50 |  |  |  |  |  |  | 0 s |"));
  std::ostringstream csv;
  write_extensions_csv(csv, two_rows(0.25));
  EXPECT_THAT(csv.str(), HasSubstr("modern-mv-ad-l4-q-both,2,87.75,1,8.98"));
  EXPECT_THAT(csv.str(), HasSubstr(",2000,1000,1333.4,900,45.25,1234.4\n"));
}

TEST(ExtensionsTable, SaysWhichRowReachesWhatIsAskedOrComesNearest) {
  EXPECT_THAT(table_of(two_rows(0.5)), HasSubstr("both ways: modern-mv-ad-l4-q-both."));
  EXPECT_THAT(table_of(two_rows(0.75)),
              HasSubstr("both ways: none; modern-mv-ad-l4-q-both comes nearest, -0.75."));
  std::vector<RowResult> rows = two_rows(0.25);
  rows[1].rates.both_ways = 999;
  EXPECT_THAT(table_of(rows), HasSubstr("both ways: none so far."));
  // Of several the one that loses least, wherever it stands.
  rows = two_rows(0.75);
  rows.push_back(rows[1]);
  for (const std::size_t worse : {1U, 2U}) {
    rows[worse].less_baseline->mean = -1.5;
    rows[3 - worse].less_baseline->mean = -0.75;
    EXPECT_THAT(table_of(rows), HasSubstr("comes nearest, -0.75."));
  }
}

}  // namespace
}  // namespace mvsgd::sim
