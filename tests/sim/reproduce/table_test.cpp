// Reproduced rows as files, by value: every column of a row that has all columns.
#include "sim/reproduce/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <vector>

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

const PrintedRow& printed(std::string_view preset) {
  return *std::ranges::find(printed_table(), preset, &PrintedRow::preset);
}

/// SSGD-MV-L2, and below it a benchmark that is better by 1.25.
std::vector<RowResult> two_rows() {
  std::vector<RowResult> rows(2);
  rows[0].printed = &printed("ssgd-mv-l2");
  rows[0].trials.runs.resize(2);
  rows[0].accuracy = Sample{.mean = 91.5, .deviation = 0.25, .n = 2};
  rows[0].ours = {.welch = {{.test = {.t = -3.5, .degrees = 1.5, .p = 0.0312}, .holm = 0.0624}},
                  .paired = {{.test = {.t = -4, .degrees = 1, .p = 0.156}, .holm = 0.312}}};
  rows[0].papers.welch = {{.test = {.t = 3, .degrees = 17.5, .p = 0.0078}, .holm = 0.1}};
  rows[0].up = BitBudget{.q_loc = 0.045, .q_val = 0.16};
  rows[0].down = BitBudget{.q_loc = 0.5, .q_val = 1.5};
  rows[0].rates = {.uplink = 156.1, .both_ways = 29, .run_uplink = 1969.2, .run_both_ways = 7.25};
  rows[0].seconds = 12.5;
  rows[1].printed = &printed("sm");
  rows[1].trials.runs.resize(3);
  rows[1].accuracy = Sample{.mean = 92.75, .deviation = std::nullopt, .n = 3};
  rows[1].seconds = 8;
  return rows;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(ReproducedTable, ARowHasItsNumbersAndThePapersInMarkdown) {
  std::ostringstream out;
  write_markdown(out, {.title = "T", .settings = "", .summary = "small", .trials = 3}, two_rows());
  const auto lines = lines_of(out.str());
  ASSERT_GT(lines.size(), 7U);
  EXPECT_EQ(lines[0], "### T");
  EXPECT_EQ(lines[2], "Scale: small.");
  EXPECT_EQ(lines[6],
            "| SSGD-MV-L2 | 2 of 3 | 91.50 \u00b1 0.25 | *92.5 \u00b1 0.15* | -1.25 | "
            "0.031 (0.062) | 0.16 (0.31) | *+0.27, 0.0078 (0.1)* | 0.045 + 0.16 | *0.045 + 0.16* | "
            "\u00d7156 | *\u00d7156* | 0.5 + 1.5 | "
            "*0.045 + 0.16* | \u00d716 | *\u00d7156* | \u00d729 | \u00d71969 | \u00d77.25 |");
  EXPECT_EQ(
      lines[7],
      "| SM-Benchmark | 3 | 92.75 | *92.228 \u00b1 0.232* |  |  |  |  |  |  |  |  |  |  |  |  |  | "
      " |  |");
}

TEST(ReproducedTable, ARowHasTheSameNumbersUnroundedInCsv) {
  std::ostringstream out;
  write_table_csv(out, two_rows());
  const auto lines = lines_of(out.str());
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1],
            "SSGD-MV-L2,2,91.5,0.25,92.5,0.15,-3.5,1.5,0.0312,0.0624,-4,1,0.156,0.312,3,17.5,0."
            "0078,0.1,0.045,0.16,156.09756097560975,"
            "4.5e-2,1.6e-1,156,0.5,1.5,16,4.5e-2,1.6e-1,156,29,1969.2,7.25,12.5");
  EXPECT_EQ(lines[2], "SM-Benchmark,3,92.75,,92.228,0.232,,,,,,,,,,,,,,,,,,,,,,,,,,,,8");
}

TEST(ReproducedTable, MisprintsOfItsRowsStandBelowIt) {
  std::vector<RowResult> rows(1);
  rows[0].printed = &printed("ssgd-mv-ad-l8");
  std::ostringstream out;
  write_markdown(out, {.title = "T", .settings = "width = 8", .summary = "small", .trials = 1},
                 rows);
  EXPECT_THAT(out.str(), HasSubstr("Scale: small. Settings: width = 8."));
  EXPECT_THAT(out.str(), HasSubstr("The paper's SSGD-MV-AD-L8 up: 32 over its own budgets, .043"));
}

}  // namespace
}  // namespace mvsgd::sim
