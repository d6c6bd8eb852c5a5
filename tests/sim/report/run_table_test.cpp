// The table that `mvsgd report --table` prints, with which the demo ends.
#include "sim/report/run_table.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "nn/resnet18.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class RunTable : public testing::Test {
 protected:
  /// Trains a run of that preset to its end and returns its directory.
  std::string trained(const std::string& preset_name) {
    const fs::path directory = path_ / preset_name;
    train_into(directory, small_settings(preset_name));
    return directory.string();
  }

  /// Reports the runs with --table. The page itself is CSV, which needs no gnuplot.
  Outcome report(const std::vector<std::string>& runs) {
    std::vector<std::string> args{"report", "--table", "--format", "csv", "--out", page()};
    args.insert(args.end(), runs.begin(), runs.end());
    return run(args);
  }

  [[nodiscard]] std::string page() const { return (path_ / "all.csv").string(); }

  /// The words of line `i` of the output.
  static std::vector<std::string> words(const Outcome& outcome, int i) {
    std::istringstream lines(outcome.out);
    std::string line;
    for (int k = 0; k <= i; ++k) std::getline(lines, line);
    std::istringstream in(line);
    return {std::istream_iterator<std::string>(in), {}};
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path();
};

TEST_F(RunTable, ABudgetIsOfTheStepsThatWorkersTake) {
  Settings settings = small_settings("ssgd-mv-l4");
  settings.participation = 1;
  train_into(path_ / "run", settings);
  const RunHistory history = read_run_history(path_ / "run");
  std::uint64_t images = 0;
  for (const RoundHistory& round : history.rounds) images += round.dense ? 0 : round.images;
  EXPECT_EQ(history.sparse_steps, images / settings.batch);
  EXPECT_LT(history.sparse_steps, 2U * 7);  // two workers, seven steps
  const auto budget = bit_budget(history, comm::Direction::up);
  const auto bits = history.sparse_bits[comm::Direction::up][comm::Field::values].count();
  const auto d = static_cast<double>(nn::resnet18_parameters({.width = 2}).size());
  EXPECT_DOUBLE_EQ(budget.value().q_val,
                   static_cast<double>(bits) / (d * static_cast<double>(history.sparse_steps)));
}

TEST(BitBudgetOfARing, HasWhatWorkersSendEachOtherBothWays) {
  RunHistory history;
  history.settings.width = 2;
  history.sparse_steps = 8;
  history.sparse_bits[comm::Direction::up][comm::Field::positions] = comm::Bits(600);
  history.sparse_bits[comm::Direction::across][comm::Field::values] = comm::Bits(3200);
  const auto places =
      8 * static_cast<double>(nn::resnet18_parameters({.width = history.settings.width}).size());
  const BitBudget up = bit_budget(history, comm::Direction::up).value();
  EXPECT_DOUBLE_EQ(up.q_loc, 600 / places);
  EXPECT_DOUBLE_EQ(up.q_val, 3200 / places);
  const BitBudget down = bit_budget(history, comm::Direction::down).value();
  EXPECT_DOUBLE_EQ(down.q_loc, 0);
  EXPECT_DOUBLE_EQ(down.q_val, 3200 / places);
}

TEST_F(RunTable, HasAccuracyRatesBitsAndDigestOfEachRunInTheOrderGiven) {
  const std::vector<std::string> runs{trained("sm"), trained("ssgd-mv-l4"),
                                      trained("ssgd-mv-ad-l4-q")};
  const Outcome outcome = report(runs);
  EXPECT_EQ(outcome.code, Exit::good) << outcome.err;
  EXPECT_THAT(words(outcome, 0), ElementsAre("run", "test", "accuracy", "uplink", "downlink",
                                             "bits", "sha256(theta)"));
  for (int i = 0; i < 3; ++i) {
    const std::string& directory = runs.at(static_cast<std::size_t>(i));
    const RunHistory history = read_run_history(directory);
    const RunEnd& end = history.end.value();
    const std::string accuracy = fmt::format("{:.2f}", 100 * end.test_accuracy);
    const std::string digest = end.digest.substr(0, 16);
    if (i == 0) {
      EXPECT_THAT(words(outcome, 1),
                  ElementsAre(directory, accuracy, "%", "-", "-", "none", "sent", digest));
      continue;
    }
    // The rate both ways is 2 (32 d H) over the sum of up and down, and the rate up is known.
    const double down = 1 / (2 / end.rates.both_ways.value() - 1 / end.rates.uplink.value());
    EXPECT_THAT(
        words(outcome, i + 1),
        ElementsAre(directory, accuracy, "%", fmt::format("x{:.1f}", end.rates.uplink.value()),
                    fmt::format("x{:.1f}", down), "equal", "to", "eqs", "13-15", "in",
                    std::to_string(history.rounds.size()), "rounds", digest));
  }
  EXPECT_THAT(words(outcome, 4), ElementsAre(page()));
}

TEST_F(RunTable, ARunThatDoesNotHoldIsMarkedAndExit1) {
  const std::vector<std::string> runs{trained("ssgd-mv"), trained("ssgd-mv-l2")};
  std::string ledger = text_of(runs[1] + "/ledger.csv");
  const std::size_t digit = ledger.rfind('0');
  ASSERT_NE(digit, std::string::npos);
  ledger[digit] = '1';
  std::ofstream(runs[1] + "/ledger.csv") << ledger;
  const Outcome outcome = report(runs);
  EXPECT_EQ(outcome.code, Exit::check_failed);
  EXPECT_THAT(words(outcome, 1), Not(testing::Contains("WRONG")));
  EXPECT_THAT(words(outcome, 2), testing::Contains("WRONG"));
  EXPECT_THAT(outcome.err, HasSubstr("mvsgd verify RUN_DIR"));
}

TEST_F(RunTable, ARunThatHasNotEndedHasNeitherAccuracyNorDigest) {
  const std::string directory = trained("ssgd-mv");
  std::string lines = text_of(directory + "/metrics.jsonl");
  lines.resize(lines.rfind('\n', lines.size() - 2) + 1);  // the last line is the end
  std::ofstream(directory + "/metrics.jsonl") << lines;
  const Outcome outcome = report({directory});
  EXPECT_EQ(outcome.code, Exit::good) << outcome.err;
  EXPECT_THAT(words(outcome, 1),
              ElementsAre(directory, "not", "ended", testing::_, testing::_, "equal", "to", "eqs",
                          "13-15", "in", testing::_, "rounds", "-"));
}

TEST_F(RunTable, AnotherCodeThanThePapersIsHeldToItsOwnLaw) {
  Settings settings = small_settings("ssgd-mv");
  settings.position_codec = "elias-fano";
  train_into(path_ / "run", settings);
  const Outcome outcome = report({(path_ / "run").string()});
  EXPECT_EQ(outcome.code, Exit::good) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("equal to the law of its codec in "));
}

TEST_F(RunTable, IsNotAFiguresAndComesOnlyWhenAskedFor) {
  const std::string directory = trained("ssgd-mv");
  EXPECT_EQ(run({"report", directory, "--table", "--figure", "--out", page()}).code, Exit::usage);
  EXPECT_FALSE(fs::exists(page()));
  EXPECT_EQ(run({"report", directory, "--format", "csv", "--out", page()}).out, page() + "\n");
}

TEST_F(RunTable, APageHasTheFormatByWhichItsFileEnds) {
  const std::string directory = trained("ssgd-mv");
  const auto first_of = [&](const std::string& name, const std::vector<std::string>& other) {
    const std::string file = (path_ / name).string();
    std::vector<std::string> words{"report", directory, "--out", file};
    words.insert(words.end(), other.begin(), other.end());
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, Exit::good) << name << outcome.err;
    return text_of(file).substr(0, 5);
  };
  const std::string csv = first_of("a.csv", {"--format", "csv"});
  EXPECT_EQ(first_of("b.csv", {}), csv);
  EXPECT_EQ(first_of("text", {"--format", "csv"}), csv);
  const std::string points = first_of("points.csv", {"--figure"});
  EXPECT_NE(points, csv);
  const std::pair<std::vector<std::string>, const char*> others[] = {
      {{"x.html", "--format", "csv"}, "its ending is not that of --format csv"},
      {{"x.svg"}, "only --figure is drawn as SVG"},
      {{"x.png", "--figure"}, "--figure is drawn as SVG"},
      {{"x.doc"}, "x.doc: its ending is none of html, pdf, png, csv"},
      {{"x.doc", "--figure"}, "x.doc: its ending is none of svg, csv"}};
  for (const auto& [of_file, why] : others) {
    const std::string file = (path_ / of_file.front()).string();
    std::vector<std::string> words{"report", directory, "--out", file};
    words.insert(words.end(), of_file.begin() + 1, of_file.end());
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, Exit::usage) << file;
    EXPECT_THAT(outcome.err, HasSubstr(why));
    EXPECT_FALSE(fs::exists(file)) << file;
  }
}

TEST_F(RunTable, IsNoPartOfACondensedRunAndNeitherIsAnyDrawing) {
  const std::string directory = trained("ssgd-mv");
  const std::string into = (path_ / "condensed").string();
  for (const std::vector<std::string>& other :
       std::vector<std::vector<std::string>>{{"--out", page()},
                                             {"--format", "csv"},
                                             {"--figure"},
                                             {"--table"},
                                             {"--network", "lan"}}) {
    std::vector<std::string> words{"report", directory, "--condense", into};
    words.insert(words.end(), other.begin(), other.end());
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, Exit::usage) << other.front();
    EXPECT_THAT(outcome.err, HasSubstr("--condense draws nothing: " + other.front()));
    EXPECT_FALSE(fs::exists(into)) << other.front();
    EXPECT_FALSE(fs::exists(page())) << other.front();
  }
  EXPECT_EQ(run({"report", directory, "--condense", into}).code, Exit::good);
}

}  // namespace
}  // namespace mvsgd::sim
