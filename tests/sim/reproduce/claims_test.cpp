// The numbers of claims.md, from whole and from condensed runs.
#include "sim/reproduce/claims.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sim/files/input_error.hpp"
#include "sim/plan/presets.hpp"
#include "sim/report/drawn_plots.hpp"
#include "sim/run/run_archive.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A line of `rounds` rounds with these overlaps of masks.
RoundHistory line_of(std::uint32_t rounds, bool dense, double last, double mean) {
  RoundHistory line;
  line.rounds = rounds;
  line.dense = dense;
  line.mask_overlap = last;
  line.means = {{"mask_overlap", mean}};
  return line;
}

TEST(Claims, AMeanIsOverSparseRoundsAndNotOverLines) {
  RunHistory run;
  const Metric metric = quantity("mask_overlap");
  EXPECT_FALSE(over_sparse_rounds(run, metric).has_value());
  run.rounds = {line_of(5, true, 1, 1), line_of(1, false, 0.9, 0.5), line_of(3, false, 0.9, 0.1)};
  EXPECT_DOUBLE_EQ(over_sparse_rounds(run, metric).value(), (0.5 + 3 * 0.1) / 4);
  for (RoundHistory& line : run.rounds) line.means.clear();  // of an older program
  EXPECT_DOUBLE_EQ(over_sparse_rounds(run, metric).value(), 0.9);
}

TEST(Claims, TheShareInMasksIsThatOfTheLastEvaluation) {
  RunHistory run;
  EXPECT_FALSE(share_in_masks(run).has_value());
  run.rounds.resize(3);
  run.rounds[0].in_masks = {{.layer = "a", .coordinates = 10, .kept = 1}};
  run.rounds[1].in_masks = {{.layer = "a", .coordinates = 10, .kept = 4},
                            {.layer = "b", .coordinates = 90, .kept = 21}};
  EXPECT_DOUBLE_EQ(share_in_masks(run).value(), 0.25);
}

TEST(Claims, TheGainIsThatOfTheFirstEvaluationAfterTheFirstDecay) {
  RunHistory run;
  const auto add = [&](double rate, std::optional<double> accuracy) {
    RoundHistory line;
    line.learning_rate = rate;
    line.test_accuracy = accuracy;
    run.rounds.push_back(line);
  };
  EXPECT_FALSE(gain_at_decay(run).has_value());
  add(0.1, 0.25);
  add(0.5, 0.375);  // the warm-up has ended
  add(0.5, 0.5);
  EXPECT_FALSE(gain_at_decay(run).has_value());
  add(0.5, std::nullopt);
  add(0.05, std::nullopt);
  EXPECT_FALSE(gain_at_decay(run).has_value());
  add(0.05, 0.46875);
  add(0.05, 0.75);
  add(0.005, 0.875);
  EXPECT_DOUBLE_EQ(gain_at_decay(run).value(), -3.125);
}

TEST(Claims, ALineHasPercentAndTheAgeInRoundsAndInLocalSteps) {
  ClaimRow row;
  row.preset = "p";
  row.local_steps = 4;
  row.trials.runs.resize(2);
  row.accuracy = {.mean = 80, .deviation = 1.5, .n = 2};
  row.mean_accuracy = {.mean = 70, .deviation = 0.5, .n = 2};
  row.gain_at_decay = {.mean = -0.25, .deviation = std::nullopt, .n = 1};
  row.rate_uplink = {.mean = 312, .deviation = 0, .n = 2};
  row.mask_overlap = {.mean = 0.25, .deviation = std::nullopt, .n = 1};
  row.vote_overlap = {.mean = 0.5, .deviation = 0.125, .n = 2};
  row.vote_agreement = {.mean = 0.75, .deviation = std::nullopt, .n = 1};
  row.mask_age = {.mean = 97.5, .deviation = 1.5, .n = 2};
  std::ostringstream out;
  write_claims(out, {.title = "C", .settings = "", .summary = "small", .trials = 2},
               std::span(&row, 1));
  EXPECT_THAT(out.str(), HasSubstr("| p | 4 | 2 | 80.00 \u00b1 1.50 | 70.00 \u00b1 0.50 | -0.25 | "
                                   "\u00d7312 | 25.00 | 50.00 \u00b1 12.50 | 75.00 | "
                                   "97.5 \u00b1 1.5 | 390 \u00b1 6 |  |\n"));
}

TEST(Claims, ACondensedTrialSaysWhatTheWholeSaysAndLackingOnesAreNamed) {
  const TestDirectory directory;
  Settings settings = small_settings("ssgd-mv-ad-l4-q");
  settings.mask_metrics = true;
  settings.eval_every = settings.epochs;
  const TrialSpec whole{.settings = settings, .path = directory.path() / "whole"};
  TrialSpec small = whole;
  small.path = directory.path() / "small";
  TrialSpec none = whole;
  none.path = directory.path() / "ssgd-mv-seed9";
  train_into(whole.path, settings);
  write_run_archive(whole.path, directory.path() / "a.tar.xz");
  unpack_run_archive(directory.path() / "a.tar.xz", small.path);

  const std::vector<ClaimRow> of_whole = claim_rows(std::vector{whole, none});
  const std::vector<ClaimRow> of_small = claim_rows(std::vector{small});
  ASSERT_EQ(of_whole.size(), 1U);
  ASSERT_EQ(of_small.size(), 1U);
  for (const auto part : {&ClaimRow::accuracy, &ClaimRow::mean_accuracy, &ClaimRow::rate_uplink,
                          &ClaimRow::mask_overlap, &ClaimRow::vote_overlap,
                          &ClaimRow::vote_agreement, &ClaimRow::mask_age, &ClaimRow::in_masks}) {
    ASSERT_TRUE((of_whole[0].*part).has_value());
    EXPECT_NEAR((of_small[0].*part)->mean, (of_whole[0].*part)->mean, 1e-9);
  }
  EXPECT_GE(of_whole[0].mask_age->mean, 1);

  std::ostringstream out;
  write_claims(out, {.title = "C", .settings = "", .summary = "small", .trials = 1}, of_whole);
  write_lacking(out, std::vector{whole, none});
  EXPECT_THAT(out.str(), HasSubstr("| ssgd-mv-ad-l4-q | 4 | 1 | "));
  EXPECT_THAT(out.str(), HasSubstr("\nLacking: ssgd-mv-seed9.\n"));
}

TEST(Claims, TheMeanAccuracyIsOverAllEvaluationsAlsoOfTheWarmUp) {
  const TestDirectory directory;
  TrialSpec trial{.settings = small_settings("ssgd-mv-l4"), .path = directory.path() / "trial"};
  trial.settings.warmup_epochs = 1;
  train_into(trial.path, trial.settings);
  double sum = 0;
  int count = 0;
  for (const RoundHistory& line : read_run_history(trial.path).rounds) {
    if (!line.test_accuracy) continue;
    EXPECT_EQ(line.dense, count == 0);
    sum += *line.test_accuracy;
    ++count;
  }
  ASSERT_EQ(count, 2);
  // The two are made to differ.
  std::string metrics = text_of(trial.path / "metrics.jsonl");
  const std::size_t from = metrics.find("\"test_accuracy\":") + 16;
  const std::size_t size = metrics.find_first_of(",}", from) - from;
  const double first = std::stod(metrics.substr(from, size));
  std::ofstream(trial.path / "metrics.jsonl") << metrics.replace(from, size, "0.9375");
  const std::vector<ClaimRow> rows = claim_rows(std::vector{trial});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_NEAR(rows[0].mean_accuracy.value().mean, 100 * (sum - first + 0.9375) / 2, 1e-9);
}

TEST(Claims, PlotsLeaveOutFewBitsAndMomentum) {
  std::vector<ClaimRow> rows;
  for (const std::string_view name : {"ssgd-mv-l4", "ssgd-mv-ad-l4-q", "modern-mv-l4"}) {
    RoundHistory line = line_of(1, false, 0.5, 0.5);
    line.epoch = 1;
    ClaimRow& row = rows.emplace_back();
    row.trials.label = name;
    row.trials.runs.emplace_back().settings = preset(name).settings;
    row.trials.runs.back().rounds = {line, line};
  }
  const std::vector<Plot> plots = claim_plots(rows);
  ASSERT_EQ(plots.size(), 1U);  // and none against H, of which there is one
  EXPECT_EQ(plots[0].name, "mask_overlap-epoch");
  EXPECT_THAT(plots[0].draw, HasSubstr("ssgd-mv-l4"));
  EXPECT_THAT(plots[0].draw, Not(HasSubstr("ssgd-mv-ad-l4-q")));
  EXPECT_THAT(plots[0].draw, Not(HasSubstr("modern-mv-l4")));
}

/// A row of a preset with these numbers, of two trials without a round.
ClaimRow row_of(std::string_view name, std::optional<double> deviation, double age) {
  ClaimRow row;
  row.preset = name;
  row.trials.label = name;
  row.trials.runs.resize(2);
  for (RunHistory& run : row.trials.runs) run.settings = preset(name).settings;
  row.local_steps = preset(name).settings.local_steps;
  row.accuracy = {.mean = 80, .deviation = deviation, .n = 2};
  row.mask_age = {.mean = age, .deviation = 0.5, .n = 2};
  return row;
}

TEST(Claims, DeviationOfTheAccuracyAndAgeOfMasksAreDrawnAgainstH) {
  std::vector<ClaimRow> rows = {
      row_of("ssgd-mv-l8", std::nullopt, 96), row_of("ssgd-mv-ad-l4", 0.375, 95),
      row_of("ssgd-mv-l2", 0.25, 98),         row_of("ssgd-mv", 0.125, 99),
      row_of("ssgd-mv-rs-l4", 0.75, 94),      row_of("ssgd-mv-ad-l8", std::nullopt, 93)};
  std::vector<Plot> plots = claim_plots(rows);
  ASSERT_EQ(plots.size(), 2U);
  EXPECT_EQ(plots[0].name, "accuracy_deviation-H");
  EXPECT_EQ(plots[0].data,
            "$accuracy_deviation_H_0 << EOD\n1 0.125 NaN NaN\n2 0.25 NaN NaN\nEOD\n");
  EXPECT_THAT(plots[0].draw, HasSubstr("title 'whole votes'"));
  EXPECT_THAT(plots[0].draw, HasSubstr("set xtics (1, 2)\n"));
  EXPECT_THAT(plots[0].draw, Not(HasSubstr("filledcurves")));
  EXPECT_EQ(plots[1].name, "mask_age-H");
  EXPECT_EQ(plots[1].data,
            "$mask_age_H_0 << EOD\n1 99 98.5 99.5\n2 196 195 197\n8 768 764 772\nEOD\n"
            "$mask_age_H_1 << EOD\n4 380 378 382\n8 744 740 748\nEOD\n");
  EXPECT_THAT(plots[1].draw, HasSubstr("title 'add-drop'"));
  EXPECT_THAT(plots[1].draw, HasSubstr("set logscale x 2\nset xtics (1, 2, 4, 8)\n"));
  EXPECT_THAT(plots[1].draw, HasSubstr("filledcurves"));
  rows[2].accuracy.reset();
  plots = claim_plots(rows);
  ASSERT_EQ(plots.size(), 1U);
  EXPECT_EQ(plots[0].name, "mask_age-H");
}

TEST(Claims, AKeyLeavesCurves300PixelsHigh) {
  std::vector<ClaimRow> rows;
  for (const std::string_view name :
       {"ssgd-mv", "ssgd-mv-l2", "ssgd-mv-l4", "ssgd-mv-l8", "ssgd-mv-rs-l4", "ssgd-mv-rs-l8",
        "ssgd-mv-ad", "ssgd-mv-ad-l2", "ssgd-mv-ad-l4", "ssgd-mv-ad-l8", "top-k",
        "ssgd-mv-l4-no-memory", "ssgd-mv-ad-l4-no-memory"}) {
    RoundHistory line = line_of(1, false, 0.5, 0.5);
    line.epoch = 1;
    ClaimRow& row = rows.emplace_back(row_of(name, std::nullopt, 1));
    for (RunHistory& run : row.trials.runs) run.rounds = {line, line};
  }
  std::vector<Plot> plots = claim_plots(rows);
  ASSERT_FALSE(plots.empty());
  EXPECT_EQ(plots[0].name, "mask_overlap-epoch");
  EXPECT_EQ(plots[0].curves, 13U);
  constexpr int kRow = 18;
  EXPECT_GE(plots[0].height - 7 * kRow, 300 + 100);  // seven lines in each of two columns
  EXPECT_THAT(plots[0].draw, HasSubstr("maxcols 2 "));
  for (Plot& plot : plots) {
    plot.draw += "if (GPVAL_TERM_YMAX - GPVAL_TERM_YMIN < 300) { exit status 1 }\n";
  }
  try {
    (void)draw_svg(plots);
  } catch (const InputError& e) {
    GTEST_SKIP() << e.what();  // no gnuplot
  } catch (const std::runtime_error&) {
    FAIL() << "the curves are lower";
  }
}

TEST(Claims, InMasksByLayerIsOfRowsWhereNotAllHaveBeenInOne) {
  std::vector<ClaimRow> rows;
  const auto add = [&](std::string_view name, std::uint64_t a, std::uint64_t b) {
    ClaimRow& row = rows.emplace_back();
    row.preset = name;
    RoundHistory& line = row.trials.runs.emplace_back().rounds.emplace_back();
    line.in_masks = {{.layer = "conv1", .coordinates = 100, .kept = a},
                     {.layer = "bn1", .coordinates = 99900, .kept = b}};
    row.in_masks = sample(std::vector{share_in_masks(row.trials.runs.front()).value()});
  };
  const auto text = [&] {
    std::ostringstream out;
    write_in_masks(out, rows);
    return out.str();
  };
  rows.emplace_back().preset = "sm";
  add("all", 100, 99900);
  add("nearly", 98, 99900);  // 99.998 %
  EXPECT_EQ(text(), "");
  add("some", 25, 999);
  add("more", 50, 33300);
  EXPECT_EQ(text(),
            "\nIn masks by layer, %:\n\n| layer | some | more |\n| --- | --- | --- |\n"
            "| conv1 | 25.00 | 50.00 |\n| bn1 | 1.00 | 33.33 |\n");
}

}  // namespace
}  // namespace mvsgd::sim
