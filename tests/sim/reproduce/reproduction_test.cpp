// The reproduced table and figures: the settings of every scale, the results of trials, and the
// command that runs missing trials.
#include "sim/reproduce/trials.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "nn/resnet18.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/reproduce/results_files.hpp"
#include "sim/reproduce/scale.hpp"
#include "sim/reproduce/sweep_plan.hpp"
#include "sim/reproduce/table.hpp"
#include "sim/reproduce/tables_and_figures.hpp"
#include "sim/run/ledger_file.hpp"
#include "sim/train/images.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kImages = 50'000;

TEST(WelchTest, IsStudentsOfOneDegreeBetweenTwoValuesAndAConstant) {
  // With one degree of freedom, t has Cauchy's distribution: p = 1 - 2 atan(t) / pi.
  for (const double c : {1.5, 2.0, 4.0}) {
    const auto test = welch_test(sample(std::vector{0., 2.}), sample(std::vector{c, c, c}));
    ASSERT_TRUE(test.has_value());
    EXPECT_DOUBLE_EQ(test->t, 1 - c);
    EXPECT_DOUBLE_EQ(test->degrees, 1);
    EXPECT_NEAR(test->p, 1 - 2 * std::atan(c - 1) / std::numbers::pi, 1e-12);
  }
}

TEST(WelchTest, IsStudentsOfTwoDegreesBetweenThreeValuesAndAConstant) {
  // With two degrees of freedom, p = 1 - t / sqrt(2 + t^2). Here t = 3 / (1 / sqrt(3)).
  const auto test = welch_test(sample(std::vector{4., 5., 6.}), sample(std::vector{2., 2.}));
  ASSERT_TRUE(test.has_value());
  const double t = 3 * std::numbers::sqrt3;
  EXPECT_NEAR(test->t, t, 1e-12);
  EXPECT_NEAR(test->p, 1 - t / std::sqrt(2 + t * t), 1e-12);
}

TEST(WelchTest, TakesDegreesFromBothVariances) {
  const auto test = welch_test(sample(std::vector{1., 2., 3., 6.}), sample(std::vector{2., 4.}));
  // The squared errors are (14 / 3) / 4 and 2 / 2.
  const double u = 14. / 12;
  const double v = 1;
  EXPECT_NEAR(test.value().degrees, (u + v) * (u + v) / (u * u / 3 + v * v / 1), 1e-12);
  EXPECT_NEAR(test->t, 0, 1e-12);
  EXPECT_NEAR(test->p, 1, 1e-12);
}

TEST(WelchTest, IsNoneWithoutADeviationOrWithNoneAbove0) {
  const Sample one = sample(std::vector{3.});
  const Sample two = sample(std::vector{1., 2.});
  const Sample constant = sample(std::vector{1., 1.});
  EXPECT_FALSE(welch_test(one, two).has_value());
  EXPECT_FALSE(welch_test(two, one).has_value());
  EXPECT_FALSE(welch_test(constant, constant).has_value());
}

TEST(ConfidenceInterval, IsStudentsWithOneDegreeLess) {
  // Printed tables: t(0.975) = 4.3027 with two degrees, t(0.95) = 6.3138 with one.
  EXPECT_NEAR(half_width(sample(std::vector{1., 2., 3.})).value(), 4.3027 / std::numbers::sqrt3,
              1e-4);
  EXPECT_NEAR(half_width(sample(std::vector{1., 3.}), 0.9).value(), 6.3138, 1e-4);
  EXPECT_FALSE(half_width(sample(std::vector{1.})).has_value());
}

TEST(PairedTest, IsStudentsOfTheDifferences) {
  // Differences 1, 2, 3: t = 2 / (1 / sqrt(3)), and with two degrees p = 1 - t / sqrt(2 + t^2).
  const auto test = paired_test(std::vector{11., 22., 33.}, std::vector{10., 20., 30.});
  ASSERT_TRUE(test.has_value());
  const double t = 2 * std::numbers::sqrt3;
  EXPECT_NEAR(test->t, t, 1e-12);
  EXPECT_DOUBLE_EQ(test->degrees, 2);
  EXPECT_NEAR(test->p, 1 - t / std::sqrt(2 + t * t), 1e-12);
}

TEST(PairedTest, IsNoneForOnePairOrForOneDifference) {
  EXPECT_FALSE(paired_test(std::vector{1.}, std::vector{2.}).has_value());
  EXPECT_FALSE(paired_test(std::vector{1., 2.}, std::vector{2., 3.}).has_value());
  EXPECT_THROW((void)paired_test(std::vector{1., 2.}, std::vector{2.}), std::invalid_argument);
}

TEST(Holm, MultipliesTheSmallestByTheirNumberAndNeverFalls) {
  // Sorted: 0.01 x 4, 0.02 x 3, 0.03 x 2 = 0.06 again, 0.9.
  EXPECT_THAT(holm(std::vector{0.9, 0.01, 0.03, 0.02}),
              testing::ElementsAre(0.9, 0.04, testing::DoubleEq(0.06), testing::DoubleEq(0.06)));
  EXPECT_THAT(holm(std::vector{0.6, 0.7}), testing::ElementsAre(1., 1.));
  EXPECT_TRUE(holm({}).empty());
}

TEST(PrintedTable, HasEveryPresetOfThePaperOnce) {
  std::set<std::string_view> names;
  for (const PrintedRow& row : printed_table()) {
    EXPECT_NO_THROW((void)preset(row.preset)) << row.preset;
    names.insert(row.preset);
  }
  EXPECT_EQ(names.size(), 15U);
  EXPECT_EQ(printed_table().size(), 15U);
  for (const Preset& p : presets()) {
    const bool is_ours = p.name == "dense" || p.name.starts_with("demo") || p.name == "rand-k-l4" ||
                         p.name.ends_with("-min") || p.name.ends_with("-no-memory") ||
                         p.name.starts_with("modern-");
    EXPECT_EQ(names.contains(p.name), !is_ours) << p.name;
  }
}

TEST(TablesAndFigures, ShowRowsOfTheTable) {
  EXPECT_EQ(tables_and_figures().size(), 8U);
  EXPECT_EQ(table_or_figure("table1").presets.size(), 15U);
  for (const TableOrFigure& figure : tables_and_figures()) {
    EXPECT_EQ(rows_of(figure).size(),
              figure.kind == Exhibit::extensions || figure.kind == Exhibit::claims
                  ? figure.presets.size()
                  : 15U)
        << figure.name;
    if (figure.kind == Exhibit::extensions || figure.kind == Exhibit::claims) continue;
    for (const std::string_view name : figure.presets) {
      EXPECT_THAT(table_or_figure("table1").presets, testing::Contains(name)) << figure.name;
    }
  }
  EXPECT_THROW((void)table_or_figure("figure5"), UsageError);
}

class OfEveryRow : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(, OfEveryRow, testing::ValuesIn(table_or_figure("table1").presets),
                         [](const auto& row) {
                           std::string name(row.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_P(OfEveryRow, ScalePaperIsThePresetAndItsSeed) {
  const Settings settings = trial_settings(scale("paper"), GetParam(), 3, {});
  for (const Key& key : keys()) {
    EXPECT_EQ(key.get(settings), key.name == "seed" ? "3" : key.get(preset(GetParam()).settings))
        << key.name;
  }
}

TEST_P(OfEveryRow, ScaleCpuKeepsTheCountOfRoundsAndTheProportionsOfTheSchedule) {
  const Settings paper = trial_settings(scale("paper"), GetParam(), 1, {});
  const Settings cpu = trial_settings(scale("cpu"), GetParam(), 1, {});
  for (const auto member : {&Settings::workers, &Settings::local_steps, &Settings::value_bits}) {
    EXPECT_EQ(cpu.*member, paper.*member);
  }
  EXPECT_EQ(cpu.phi.to_double(), paper.phi.to_double());
  const auto want = schedule(paper, kImages);
  const auto got = schedule(cpu, kImages);
  // sm has the epochs of the other rows, but no count of rounds to keep.
  if (paper.scheme->name() != "sm") {
    EXPECT_NEAR(static_cast<double>(got.size()) / static_cast<double>(want.size()), 1, 0.02);
  }
  EXPECT_EQ(cpu.epochs, trial_settings(scale("cpu"), "ssgd-mv", 1, {}).epochs);
  const auto share_of_first = [](const std::vector<Round>& rounds, auto holds) {
    const auto found = std::ranges::find_if(rounds, holds);
    return found == rounds.end() ? 2. : found->epoch / rounds.back().epoch;
  };
  const auto sparse = [](const Round& round) { return !round.dense; };
  const auto decayed = [](const Round& round) { return round.decay < 1; };
  EXPECT_NEAR(share_of_first(got, sparse), share_of_first(want, sparse), 2e-3);
  EXPECT_NEAR(share_of_first(got, decayed), share_of_first(want, decayed), 2e-3);
}

TEST(TrialSettings, TakeGivenKeysAfterTheScales) {
  const Settings settings = trial_settings(scale("cpu"), "ssgd-mv", 2, {{"width", "16"}});
  EXPECT_EQ(settings.width, 16U);
  EXPECT_EQ(settings.batch, 16U);
  EXPECT_EQ(settings.seed, 2U);
  EXPECT_THROW((void)trial_settings(scale("cpu"), "ssgd-mv", 2, {{"width", "0"}}), UsageError);
  EXPECT_THROW((void)scale("laptop"), UsageError);
  for (const std::string_view key : {"scheme", "workers", "seed", "local_steps", "rounds"}) {
    EXPECT_TRUE(is_of_rows(key)) << key;
  }
  EXPECT_FALSE(is_of_rows("learning_rate"));
}

TEST(CaptionOfATable, SaysWhichRowsHaveASetting) {
  const auto caption = [](const std::string& what, const std::vector<std::string>& rows = {},
                          const std::string& scale_name = "cpu") {
    SweepRequest request;
    request.what = what;
    request.scale = scale_name;
    request.rows = rows;
    request.archive = "none";
    const SweepPlan plan = plan_sweep(request);
    const std::string text = ResultsFiles(plan, {}).markdown();
    const std::size_t from = text.find("Settings: ");
    return text.substr(from, text.find('\n', from) - from);
  };
  // sm has a batch and a rate of its own.
  EXPECT_EQ(
      caption("table1"),
      "Settings: width = 8, epochs = 76, batch = 16 (with workers), learning_rate = 0.2 (with "
      "workers), eval_every = 2, mask_metrics = true (with workers).");
  EXPECT_EQ(caption("table1", {"ssgd-mv"}),
            "Settings: width = 8, epochs = 76, batch = 16, learning_rate = 0.2, eval_every = 2, "
            "mask_metrics = true.");
  EXPECT_THAT(caption("table1", {}, "smoke"),
              HasSubstr("batch = 16 (SM), batch = 4 (with workers), "));
  EXPECT_THAT(caption("claims"),
              HasSubstr("batch = 16 (with workers), learning_rate = 0.02 (workers with momentum), "
                        "learning_rate = 0.2 (workers without momentum), eval_every = 2, "));
}

class Reproduction : public testing::Test {
 protected:
  /// The arguments of a reproduction that takes seconds.
  [[nodiscard]] std::vector<std::string> arguments(const std::vector<std::string>& more,
                                                   const std::string& what,
                                                   const std::string& rows) const {
    std::vector<std::string> args{
        "reproduce", what,    "--scale",           "smoke",     "--rows",
        rows,        "--out", out_.string(),       "--backend", "reference",
        "--width",   "2",     "--synthetic-train", "320",       "--synthetic-test",
        "32"};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }

  [[nodiscard]] Outcome reproduce(const std::vector<std::string>& more = {},
                                  const std::string& what = "table1",
                                  const std::string& rows = "sm,ssgd-mv-ad-l2") const {
    return run(arguments(more, what, rows));
  }

  [[nodiscard]] TrialSpec trial(const std::string& preset_name, std::uint64_t seed) const {
    return {.settings = trial_settings(scale("smoke"), preset_name, seed,
                                       {{"backend", "reference"},
                                        {"width", "2"},
                                        {"synthetic_train", "320"},
                                        {"synthetic_test", "32"}}),
            .path = out_ / "runs" / fmt_name(preset_name, seed)};
  }

  static std::string fmt_name(const std::string& preset_name, std::uint64_t seed) {
    return preset_name + "-seed" + std::to_string(seed);
  }

  TestDirectory directory_;
  fs::path out_ = directory_.path() / "out";
};

TEST_F(Reproduction, RunsEveryTrialOnceAndEachAsTrainWould) {
  const Outcome first = reproduce();
  ASSERT_EQ(first.code, Exit::good) << first.err;
  EXPECT_THAT(first.out, HasSubstr("4 trials, 0 of them finished"));
  EXPECT_THAT(first.out, HasSubstr("[4/4] ssgd-mv-ad-l2, seed 2"));
  EXPECT_THAT(first.out, HasSubstr("| SSGD-MV-AD-L2 | 2 | "));
  EXPECT_THAT(first.out, HasSubstr("*92.6 \u00b1 0.19*"));
  const std::string csv = text_of(out_ / "table1.csv");

  const TrialSpec one = trial("ssgd-mv-ad-l2", 2);
  EXPECT_EQ(stage_of(one), TrialStage::finished);
  const auto plain = out_ / "plain";
  train_into(plain, one.settings);
  EXPECT_EQ(read_run_history(plain).end.value().digest,
            read_run_history(one.path).end.value().digest);

  const Outcome again = reproduce();
  EXPECT_EQ(again.code, Exit::good);
  EXPECT_THAT(again.out, HasSubstr("4 trials, 4 of them finished"));
  EXPECT_THAT(again.out, Not(HasSubstr("[")));
  EXPECT_EQ(text_of(out_ / "table1.csv"), csv);
  EXPECT_THAT(text_of(out_ / "table1.html"), HasSubstr("SSGD-MV-AD-L2"));

  const Outcome more = reproduce({"--trials", "3"});
  EXPECT_THAT(more.out, HasSubstr("6 trials, 4 of them finished"));
  EXPECT_THAT(more.out, Not(HasSubstr("[4/6]")));
  EXPECT_THAT(more.out, HasSubstr("| SSGD-MV-AD-L2 | 3 | "));
}

TEST_F(Reproduction, RowsAreMeansOfWhatTheTrialsHaveInTheirFiles) {
  ASSERT_EQ(reproduce().code, Exit::good);
  const std::vector<TrialSpec> trials{trial("sm", 1), trial("sm", 2), trial("ssgd-mv-ad-l2", 1),
                                      trial("ssgd-mv-ad-l2", 2)};
  // A row has the accuracy after the last round. The one before it, at the first epoch, is altered
  // to differ.
  for (const TrialSpec& one : trials) {
    const fs::path metrics = one.path / "metrics.jsonl";
    std::string text = text_of(metrics);
    const std::size_t value = text.find(':', text.find("\"test_accuracy\"")) + 1;
    ASSERT_LT(text.find('\n', value), text.find("\"test_accuracy\"", value));
    text.replace(value, text.find_first_of(",}", value) - value, "0.999");
    std::ofstream(metrics) << text;
  }
  Results results;
  const std::vector<RowResult> rows = results.rows(trials);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].printed->name, "SSGD-MV-AD-L2");
  EXPECT_EQ(rows[1].printed->name, "SM-Benchmark");
  EXPECT_FALSE(rows[1].up.has_value());
  EXPECT_FALSE(rows[1].ours.welch.has_value());
  EXPECT_FALSE(rows[1].papers.welch.has_value());
  // The paper compared fourteen rows, whichever are drawn here; of them this one has the least p.
  const AdjustedTest& papers = rows[0].papers.welch.value();
  EXPECT_GT(papers.test.t, 0);
  EXPECT_NEAR(papers.holm, 14 * papers.test.p, 1e-12);

  std::vector<double> percents;
  double q_loc = 0;
  double q_val = 0;
  double down = 0;
  double whole_run = 0;
  double seconds = 0;
  double less = 0;
  double cpu_seconds = 0;
  for (const std::size_t i : {2U, 3U}) {
    for (const RoundHistory& round : read_run_history(trials[i].path).rounds) {
      cpu_seconds += round.phases.total() / 2;
    }
    percents.push_back(100 * read_finished_run(trials[i].path).accuracy);
    less += (percents.back() - 100 * read_finished_run(trials[i - 2].path).accuracy) / 2;
    const RunHistory history = read_run_history(trials[i].path);
    whole_run += history.end.value().rates.run_both_ways.value() / 2;
    seconds += history.rounds.back().seconds / 2;
    const auto rounds = schedule(trials[i].settings, 320);
    std::uint64_t steps = 0;
    for (const Round& round : rounds) steps += round.dense ? 0 : round.steps;
    std::uint64_t positions = 0;
    std::uint64_t values = 0;
    for (const comm::LedgerRow& row : read_ledger(trials[i].path / "ledger.csv")) {
      if (row.id.round == 0 || rounds[row.id.round - 1].dense) continue;
      if (row.id.direction == comm::Direction::down &&
          (row.field == comm::Field::positions || row.field == comm::Field::values)) {
        down += static_cast<double>(row.bits.count());
      }
      if (row.id.direction != comm::Direction::up) continue;
      if (row.field == comm::Field::positions) positions += row.bits.count();
      if (row.field == comm::Field::values) values += row.bits.count();
    }
    const auto d = nn::resnet18_parameters({.width = 2}).size();
    const double places = static_cast<double>(d) * static_cast<double>(steps) * 10;
    if (i == 3U) down /= 2 * places;
    q_loc += static_cast<double>(positions) / places / 2;
    q_val += static_cast<double>(values) / places / 2;
  }
  EXPECT_DOUBLE_EQ(rows[0].accuracy.value().mean, sample(percents).mean);
  EXPECT_EQ(rows[0].accuracy->deviation, sample(percents).deviation);
  EXPECT_NEAR(rows[0].up.value().q_loc, q_loc, 1e-12);
  EXPECT_NEAR(rows[0].up->q_val, q_val, 1e-12);
  EXPECT_NEAR(rows[0].up->rate(), rows[0].rates.uplink.value(), 1e-6 * rows[0].up->rate());
  EXPECT_NEAR(rows[0].down.value().q_loc + rows[0].down->q_val, down, 1e-12);
  EXPECT_NE(rows[0].down->rate(), rows[0].up->rate());
  EXPECT_DOUBLE_EQ(rows[0].rates.run_both_ways.value(), whole_run);
  EXPECT_DOUBLE_EQ(rows[0].seconds, seconds);
  ASSERT_NE(less, 0);
  EXPECT_NEAR(rows[0].less_baseline.value().mean, less, 1e-12);
  EXPECT_GT(rows[0].ours.welch.value().test.t * less, 0);
  // Without evaluations; files have six digits.
  EXPECT_NEAR(rows[0].cpu_seconds, cpu_seconds, 1e-4 * cpu_seconds);
  for (const RunHistory& run : rows[0].trials.runs) {
    for (const RoundMetrics& round : run.rounds) EXPECT_TRUE(round.test_accuracy.has_value());
  }
}

TEST_F(Reproduction, RowsOfTheExtensionsAreLessSmWithMomentum) {
  const std::vector<TrialSpec> trials{trial("sm", 1), trial("modern-sm", 1)};
  for (const TrialSpec& one : trials) train_into(one.path, one.settings);
  Results results;
  const std::vector<RowResult> rows = results.rows(trials, table_or_figure("extensions"));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].preset(), "sm");
  EXPECT_TRUE(rows[0].less_baseline.has_value());
  EXPECT_FALSE(rows[1].less_baseline.has_value());
}

TEST_F(Reproduction, ATrialThatHasNotEndedEntersNothing) {
  ASSERT_EQ(reproduce({"--trials", "1"}).code, Exit::good);
  const TrialSpec unfinished = trial("ssgd-mv-ad-l2", 1);
  // As if it had been cut off before its last line.
  const fs::path metrics = unfinished.path / "metrics.jsonl";
  const std::string text = text_of(metrics);
  std::ofstream(metrics) << text.substr(0, text.find("{\"end\""));
  EXPECT_EQ(stage_of(unfinished), TrialStage::begun);
  Results results;
  const auto rows = results.rows(std::vector{unfinished});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_FALSE(rows[0].accuracy.has_value());
  std::ostringstream markdown;
  write_markdown(markdown, {.title = "", .settings = "", .summary = "", .trials = 1}, rows);
  EXPECT_THAT(markdown.str(), HasSubstr("| SSGD-MV-AD-L2 | 0 of 1 |  |"));
}

TEST_F(Reproduction, ATrialOfWhichNoRoundWasEvaluatedIsRefused) {
  ASSERT_EQ(reproduce({"--trials", "1"}, "table1", "sm").code, Exit::good);
  const TrialSpec one = trial("sm", 1);
  const std::string text = text_of(one.path / "metrics.jsonl");
  std::ofstream(one.path / "metrics.jsonl") << text.substr(text.find("{\"end\""));
  ASSERT_EQ(stage_of(one), TrialStage::finished);
  Results results;
  EXPECT_THAT([&] { (void)results.rows(std::vector{one}); },
              testing::ThrowsMessage<InputError>(HasSubstr("no round of it was evaluated")));
}

TEST_F(Reproduction, ATrialIsOfTheSameImagesWhereverTheyLieAndOfNoOthers) {
  TrialSpec one = trial("sm", 1);
  train_into(one.path, one.settings);
  // The images might have been in files that were moved since.
  const std::string digest = digest_of(load_images(one.settings));
  std::string config = text_of(one.path / "config.toml");
  const auto replace = [&config](const std::string& what, const std::string& by) {
    config.replace(config.find(what), what.size(), by);
  };
  replace("\ndata = \"synthetic\"", "\ndata = \"/elsewhere\"");
  replace("[environment]\n", "[environment]\ndata_sha256 = \"" + digest + "\"\n");
  std::ofstream(one.path / "config.toml") << config;
  const auto refusal = [&] {
    try {
      (void)stage_of(one);
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_THAT(refusal(), HasSubstr("data = /elsewhere there"));

  one.images = digest;
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(stage_of(one), TrialStage::finished);

  one.settings.synthetic_train -= 1;
  one.images = digest_of(load_images(one.settings));
  EXPECT_THAT(refusal(), HasSubstr("other images than here"));
}

TEST_F(Reproduction, GoesOnWithATrialThatWasInterrupted) {
  const auto args = arguments({"--trials", "1"}, "table1", "ssgd-mv-ad-l2");
  std::ostringstream out;
  std::ostringstream err;
  int asked = 0;
  const auto interrupted = [&] { return ++asked > 5000; };  // some rounds later
  EXPECT_EQ(run_command(args, {.out = out, .err = err, .columns = 0}, {}, interrupted),
            Exit::interrupted);
  EXPECT_THAT(err.str(), HasSubstr("the same reproduce command goes on"));
  const TrialSpec one = trial("ssgd-mv-ad-l2", 1);
  EXPECT_EQ(stage_of(one), TrialStage::begun);
  ASSERT_EQ(run(args).code, Exit::good);
  const auto plain = out_ / "plain";
  train_into(plain, one.settings);
  EXPECT_EQ(read_run_history(plain).end.value().digest,
            read_run_history(one.path).end.value().digest);
}

TEST_F(Reproduction, ATrialOfOtherSettingsIsRefused) {
  ASSERT_EQ(reproduce({"--trials", "1"}, "table1", "sm").code, Exit::good);
  const Outcome other = reproduce({"--trials", "1", "--learning-rate", "0.3"}, "table1", "sm");
  EXPECT_EQ(other.code, Exit::bad_input);
  EXPECT_THAT(other.err, HasSubstr("sm-seed1: learning_rate = 0.1 there, 0.3 here"));
  // Slots are not part of a trial.
  EXPECT_EQ(reproduce({"--trials", "1", "--slots", "1"}, "table1", "sm").code, Exit::good);
}

TEST_F(Reproduction, LeavesATrialToTheProcessThatHasIt) {
  const TrialSpec held = trial("sm", 1);
  fs::create_directories(held.path);
  {
    const DirectoryLock lock(held.path);
    const Outcome outcome = reproduce({"--trials", "1"});
    EXPECT_EQ(outcome.code, Exit::good) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("[1/2] sm, seed 1: another process is at it"));
    EXPECT_THAT(outcome.out, HasSubstr("| SM-Benchmark | 0 of 1 |"));
  }
  EXPECT_THAT(reproduce({"--trials", "1"}).out, HasSubstr("| SM-Benchmark | 1 |"));
}

// These include a value that config.toml has in quotes.
TEST_F(Reproduction, TakesEveryValueThatTrainTakes) {
  const Outcome outcome = reproduce({"--trials", "1", "--checkpoint-every", "5m", "--warmup-epochs",
                                     "proportional", "--data", "synthetic"},
                                    "table1", "ssgd-mv");
  EXPECT_EQ(outcome.code, Exit::good) << outcome.err;
  EXPECT_THAT(text_of(trial("ssgd-mv", 1).path / "config.toml"),
              HasSubstr("\ncheckpoint_every = \"5m\"\n"));
}

TEST_F(Reproduction, ATrialThatFailsDoesNotKeepTheOthersFromRunning) {
  const Outcome outcome =
      reproduce({"--trials", "1", "--learning-rate", "1000000"}, "table1", "sm,ssgd-mv-ad-l2");
  EXPECT_EQ(outcome.code, Exit::run_failed);
  EXPECT_THAT(outcome.err, HasSubstr("failed: sm, seed 1; ssgd-mv-ad-l2, seed 1"));
}

TEST_F(Reproduction, AFigureIsItsRowsCurves) {
  const Outcome outcome = reproduce({"--trials", "1"}, "figure1", "sm,top-k");
  if (outcome.code == Exit::bad_input && outcome.err.find("gnuplot") != std::string::npos) {
    EXPECT_THAT(text_of(out_ / "figure1.csv"), HasSubstr("SM-Benchmark,1,"));
    GTEST_SKIP() << "no gnuplot";
  }
  ASSERT_EQ(outcome.code, Exit::good) << outcome.err;
  EXPECT_THAT(text_of(out_ / "figure1.csv"), HasSubstr("SSGD-top-K,1,"));
  const std::string svg = text_of(out_ / "figure1.svg");
  EXPECT_THAT(svg, HasSubstr("SM-Benchmark"));
  EXPECT_THAT(svg, HasSubstr("SSGD-top-K"));
  EXPECT_THAT(svg, HasSubstr("</svg>"));
}

TEST_F(Reproduction, UsageErrorsNameWhatIsWanted) {
  const auto error_of = [](const std::vector<std::string>& args) {
    const Outcome outcome = run(args);
    EXPECT_EQ(outcome.code, Exit::usage);
    return outcome.err;
  };
  EXPECT_THAT(error_of({"reproduce", "table1"}), HasSubstr("scale paper needs --data DIR"));
  EXPECT_THAT(error_of({"reproduce", "table2", "--scale", "smoke"}), HasSubstr("figure4b"));
  EXPECT_THAT(error_of({"reproduce", "table1", "--scale", "tiny"}),
              HasSubstr("paper, cpu or smoke"));
  EXPECT_THAT(error_of({"reproduce", "table1", "--scale", "smoke", "--rows", "ssgd-mw"}),
              HasSubstr("did you mean 'ssgd-mv'"));
  EXPECT_THAT(error_of({"reproduce", "table1", "--scale", "cpu", "--rows", "ssgd-mw"}),
              HasSubstr("did you mean 'ssgd-mv'"));
  EXPECT_THAT(error_of({"reproduce", "figure1", "--scale", "smoke", "--rows", "ssgd-mv-ad"}),
              HasSubstr("no row of figure1"));
  EXPECT_FALSE(fs::exists(out_));
}

TEST_F(Reproduction, RefusesADirectoryThatIsNone) {
  std::ofstream(out_) << "a file";
  const Outcome outcome = reproduce();
  EXPECT_EQ(outcome.code, Exit::bad_input);
  EXPECT_THAT(outcome.err, HasSubstr(out_.string()));
  EXPECT_EQ(text_of(out_), "a file");
}

TEST_F(Reproduction, AnEstimateRunsAndLeavesNothing) {
  const Outcome outcome = reproduce({"--estimate"});
  EXPECT_EQ(outcome.code, Exit::good);
  EXPECT_THAT(outcome.out, HasSubstr("the others take about "));
  EXPECT_FALSE(fs::exists(out_));
}

}  // namespace
}  // namespace mvsgd::sim
