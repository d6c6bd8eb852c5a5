// The figure of accuracy against bits sent up: its points are the ledger's, its picture can be read
// on any page, and the README's picture is the one that the program draws.
#include "sim/report/uplink_figure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "sim/cli/command_line.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/temporary_directory.hpp"
#include "sim/report/gnuplot.hpp"
#include "sim/run/ledger_file.hpp"
#include "sim/run/run_directory.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

class UplinkFigure : public testing::Test {
 protected:
  RunHistory run(const char* preset_name) {
    train_into(path_ / preset_name, small_settings(preset_name));
    return read_run_history(path_ / preset_name);
  }
  /// The bits sent up from round `first` to `last`, by a run's ledger.
  double ledger(const char* preset_name, std::uint32_t first, std::uint32_t last) {
    std::ifstream in(path_ / preset_name / "ledger.csv");
    comm::Bits bits;
    for (const comm::LedgerRow& row : read_ledger(in, "ledger.csv")) {
      if (row.id.direction == comm::Direction::up && row.id.round >= first &&
          row.id.round <= last) {
        bits += row.bits;
      }
    }
    return static_cast<double>(bits.count());
  }
  fs::path file(const std::string& text) {
    std::ofstream(path_ / "points.csv") << text;
    return path_ / "points.csv";
  }
  static void skip_without_gnuplot() {
    try {
      const TemporaryDirectory directory;
      run_gnuplot("", directory.path());
    } catch (const InputError& e) {
      GTEST_SKIP() << e.what();
    }
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path();
};

TEST_F(UplinkFigure, CountsWhatSparseRoundsSentUp) {
  const RunHistory history = run("ssgd-mv");
  const auto curves = uplink_curves(seed_groups({history}));
  ASSERT_EQ(curves.size(), 1U);
  EXPECT_EQ(curves[0].label, "ssgd-mv");
  const auto sparse = std::ranges::find(history.rounds, false, &RoundHistory::dense);
  ASSERT_NE(sparse, history.rounds.begin());  // a warm-up comes first
  std::vector<double> want;
  std::vector<double> accuracies;
  for (const RoundHistory& round : history.rounds) {
    if (!round.test_accuracy) continue;
    want.push_back(ledger("ssgd-mv", sparse->round, round.round));
    accuracies.push_back(*round.test_accuracy);
  }
  ASSERT_EQ(want.size(), 2U);
  ASSERT_EQ(curves[0].points.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(curves[0].points[i].bits, want[i]);
    EXPECT_EQ(curves[0].points[i].accuracy, accuracies[i]);
    EXPECT_EQ(curves[0].points[i].epoch, static_cast<double>(i + 1));
  }
}

TEST_F(UplinkFigure, CountsEveryRoundOfTheDenseSchemeAndLeavesOutTheSingleMachine) {
  const RunHistory dense = run("dense");
  const auto curves = uplink_curves(seed_groups({run("sm"), dense}));
  ASSERT_EQ(curves.size(), 1U);
  EXPECT_EQ(curves[0].label, "dense");
  EXPECT_EQ(curves[0].points.back().bits, ledger("dense", 1, dense.rounds.back().round));
}

TEST_F(UplinkFigure, PointsAreReadBackAsTheyWere) {
  const std::vector<UplinkCurve> curves{
      {"plain", {{.epoch = 1, .bits = 353'000'000'123, .accuracy = 0.1}}},
      {"a, \"b\" = 3",
       {{.epoch = 1. / 3, .bits = 7, .accuracy = 0}, {.epoch = 2, .bits = 8.5, .accuracy = 1}}}};
  std::ostringstream out;
  write_points(out, curves);
  const auto again = read_points(file(out.str()));
  ASSERT_EQ(again.size(), curves.size());
  for (std::size_t c = 0; c < curves.size(); ++c) {
    EXPECT_EQ(again[c].label, curves[c].label);
    ASSERT_EQ(again[c].points.size(), curves[c].points.size());
    for (std::size_t i = 0; i < curves[c].points.size(); ++i) {
      EXPECT_EQ(again[c].points[i].epoch, curves[c].points[i].epoch);
      EXPECT_EQ(again[c].points[i].bits, curves[c].points[i].bits);
      EXPECT_EQ(again[c].points[i].accuracy, curves[c].points[i].accuracy);
    }
  }
}

TEST_F(UplinkFigure, WhatIsNoPointIsRefusedWithFileAndLine) {
  const std::string header = "label,epoch,bits_up,accuracy\n";
  for (const char* row : {"a,1,7", "a,1,7,1.5", "a,1,0,0.5", "a,1,-7,0.5", "a,1,7,nan", "a,x,7,0.5",
                          ",1,7,0.5", "\"a,1,7,0.5", "\"a\"b\",1,7,0.5", "a,b,1,7,0.5", ""}) {
    EXPECT_THAT([&] { (void)read_points(file(header + "a,1,7,0.5\n" + row + "\n")); },
                ThrowsMessage<InputError>(HasSubstr("points.csv:3: ")))
        << row;
  }
  EXPECT_THAT([&] { (void)read_points(file("label\n")); },
              ThrowsMessage<InputError>(HasSubstr("points.csv:1: ")));
  EXPECT_THROW((void)read_points(path_ / "none.csv"), InputError);
}

TEST_F(UplinkFigure, HasInkAndPaperForALightAndADarkPage) {
  skip_without_gnuplot();
  if (IsSkipped()) return;
  const std::string svg = draw_uplink_figure(std::vector<UplinkCurve>{
      {"<one>", {{.epoch = 1, .bits = 1e6, .accuracy = 0.5}}},
      {"two", {{.epoch = 1, .bits = 1e9, .accuracy = 0.7}}},
  });
  EXPECT_NE(svg.find("<text>&lt;one"), std::string::npos);
  EXPECT_NE(svg.find("<text>two</text>"), std::string::npos);
  // A background comes before everything else, and each use of black has two colours.
  const std::size_t paper = svg.find("<rect class=\"paper\" width=\"100%\" height=\"100%\"/>");
  ASSERT_NE(paper, std::string::npos);
  EXPECT_LT(paper, svg.find("<g "));
  const std::size_t dark = svg.find("@media (prefers-color-scheme: dark)");
  ASSERT_NE(dark, std::string::npos);
  for (const char* rule : {".paper {", "[color=black] {", "[stroke=black] {", "[fill=black] {"}) {
    EXPECT_LT(svg.find(rule), dark) << rule;
    EXPECT_NE(svg.find(rule, dark), std::string::npos) << rule;
  }
  EXPECT_THROW((void)draw_uplink_figure({}), InputError);
}

TEST_F(UplinkFigure, TheCommandDrawsRunsAndTheirPointsAlike) {
  skip_without_gnuplot();
  if (IsSkipped()) return;
  run("ssgd-mv");
  const std::string directory = path_ / "ssgd-mv";
  const auto report = [](const std::vector<std::string>& more) {
    std::vector<std::string> args{"report"};
    args.insert(args.end(), more.begin(), more.end());
    std::ostringstream out;
    std::ostringstream err;
    return run_command(args, {.out = out, .err = err, .columns = 0});
  };
  EXPECT_EQ(report({directory, "--figure"}), Exit::good);
  EXPECT_EQ(report({directory, "--figure", "--format", "csv"}), Exit::good);
  const std::string points = path_ / "ssgd-mv" / "uplink.csv";
  EXPECT_EQ(report({points, "--figure", "--out", path_ / "again.svg"}), Exit::good);
  EXPECT_EQ(text_of(path_ / "again.svg"), text_of(path_ / "ssgd-mv" / "uplink.svg"));
  EXPECT_EQ(report({directory, "--figure", "--format", "pdf"}), Exit::usage);
  EXPECT_EQ(report({points}), Exit::bad_input);
}

/// Lines of metrics.jsonl, each for all rounds up to an evaluation or the end of the warm-up. Each
/// line claims to stand for `wrong` more rounds than it does.
std::string condensed(const std::vector<RoundHistory>& rounds, std::uint32_t wrong) {
  std::string text;
  RoundMetrics sum;
  sum.rounds = 0;
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    sum.rounds = *sum.rounds + 1;
    sum.local_steps += rounds[i].local_steps;
    sum.bits_up += rounds[i].bits_up;
    sum.bits_down += rounds[i].bits_down;
    const bool goes_on = i + 1 < rounds.size() && rounds[i + 1].dense == rounds[i].dense;
    if (goes_on && !rounds[i].test_accuracy) continue;
    RoundMetrics line = rounds[i];
    line.rounds = *sum.rounds + wrong;
    line.local_steps = std::exchange(sum.local_steps, 0);
    line.bits_up = std::exchange(sum.bits_up, comm::Bits(0));
    line.bits_down = std::exchange(sum.bits_down, comm::Bits(0));
    text += line_of(line) + '\n';
    sum.rounds = 0;
  }
  return text;
}

TEST_F(UplinkFigure, OfACondensedRunIsThatOfTheWhole) {
  const RunHistory whole = run("ssgd-mv");
  const fs::path directory = path_ / "ssgd-mv";
  std::ofstream(directory / "metrics.jsonl") << condensed(whole.rounds, 0);
  const RunHistory read = read_run_history(directory);
  EXPECT_EQ(read.rounds.size(), 3U);  // the warm-up and two evaluations
  EXPECT_EQ(read.last_round(), whole.rounds.size());
  EXPECT_EQ(read.sparse_steps, whole.sparse_steps);
  EXPECT_EQ(read.rounds.back().bits, whole.rounds.back().bits);
  for (const comm::Direction way : comm::kAllDirections) {
    EXPECT_EQ(read.bits[way], whole.bits[way]);
    EXPECT_EQ(read.sparse_bits[way], whole.sparse_bits[way]);
  }
  EXPECT_EQ(read.sparse_bits[comm::Direction::up].total(), read.rounds.back().uplink);
  const auto want = uplink_curves(seed_groups({whole}));
  const auto curves = uplink_curves(seed_groups({read}));
  ASSERT_EQ(curves.size(), 1U);
  ASSERT_EQ(curves[0].points.size(), want[0].points.size());
  for (std::size_t i = 0; i < want[0].points.size(); ++i) {
    EXPECT_EQ(curves[0].points[i].bits, want[0].points[i].bits);
    EXPECT_EQ(curves[0].points[i].epoch, want[0].points[i].epoch);
  }
}

TEST_F(UplinkFigure, OfACondensedRunWithARoundTooManyOrTooFewIsRefused) {
  const RunHistory whole = run("ssgd-mv");
  const fs::path directory = path_ / "ssgd-mv";
  const auto expect_refused = [&](const std::string& lines, const char* where) {
    std::ofstream(directory / "metrics.jsonl") << lines;
    EXPECT_THAT([&] { (void)read_run_history(directory); },
                ThrowsMessage<InputError>(HasSubstr(where)));
  };
  expect_refused(condensed(whole.rounds, 1), "metrics.jsonl:1: round 1, where round 1 comes");
  expect_refused(condensed(whole.rounds, 0U - 1U), "metrics.jsonl:1: ");
  expect_refused(condensed(whole.rounds, 0U - 2U), "metrics.jsonl:1: ");
  RoundMetrics first = whole.rounds.front();
  std::string twice = line_of(first) + '\n';
  first.rounds = 0;
  twice += line_of(first) + '\n';
  expect_refused(twice, "metrics.jsonl:2: ");
}

TEST_F(UplinkFigure, TheCommittedPictureIsDrawnOfTheCommittedRuns) {
  skip_without_gnuplot();
  if (IsSkipped()) return;
  const fs::path folder = MVSGD_TESTS_DIR "/../sim/report/uplink";
  const std::string committed = text_of(folder / "uplink.svg");
  std::vector<RunHistory> runs;
  for (const char* const preset : {"dense", "ssgd-mv-ad-l4-q"}) {
    runs.push_back(read_run_history(folder / preset));
    EXPECT_TRUE(runs.back().end) << preset;
    EXPECT_EQ(runs.back().last_round(), runs.back().planned_rounds) << preset;
  }
  const std::string drawn = draw_uplink_figure(uplink_curves(seed_groups(std::move(runs))));
  const auto version = [](const std::string& svg) {
    const std::size_t begin = svg.find("<desc>");
    return svg.substr(begin, svg.find("</desc>") - begin);
  };
  if (version(committed) != version(drawn)) GTEST_SKIP() << "another " << version(drawn);
  EXPECT_EQ(committed, drawn);
}

}  // namespace
}  // namespace mvsgd::sim
