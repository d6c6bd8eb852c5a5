// How a trial that was run again is held against the one before.
#include "sim/reproduce/archived_trials.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/files/input_error.hpp"
#include "sim/run/run_archive.hpp"
#include "sim/run/run_history.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A trial, and the same one run again.
class ComparedTrials : public testing::Test {
 protected:
  ComparedTrials() {
    const Settings settings = small_settings("ssgd-mv-l4");
    train_into(before_, settings);
    train_into(again_, settings);
  }

  /// Puts `text` in place of what stands in a file from `begin` to the next of `end`.
  static void alter(const fs::path& file, const std::string& begin, const std::string& end,
                    const std::string& text) {
    std::string whole = text_of(file);
    const std::size_t at = whole.rfind(begin);
    ASSERT_NE(at, std::string::npos);
    const std::size_t from = at + begin.size();
    whole.replace(from, whole.find_first_of(end, from) - from, text);
    std::ofstream(file, std::ios::binary) << whole;
  }
  /// Of the run that is run again.
  void has_bits_of(const std::string& whose) const {
    alter(again_ / "config.toml", "\nbits = ", "\n", '"' + whose + '"');
  }
  void ends_at(double percent) const {
    alter(again_ / "metrics.jsonl", "\"test_accuracy\":", ",}", std::to_string(percent / 100));
  }

  const TestDirectory directory_;
  const fs::path before_ = directory_.path() / "before";
  const fs::path again_ = directory_.path() / "again";
};

TEST_F(ComparedTrials, OfTheSameBitsHaveOneDigest) {
  const std::vector<double> row{10, 90};
  EXPECT_TRUE(compare_trials(before_, again_, row).holds);
  alter(again_ / "metrics.jsonl", "\"theta_sha256\":\"", "\"", std::string(64, '0'));
  const Comparison other = compare_trials(before_, again_, row);
  EXPECT_FALSE(other.holds);
  EXPECT_THAT(other.words, HasSubstr("another digest"));
}

// Who alters an archive's accuracies and leaves its digests alone is found by running it again.
TEST_F(ComparedTrials, OfTheSameBitsHaveTheSameNumbers) {
  write_run_archive(before_, directory_.path() / "a.tar.xz");
  const fs::path archived = directory_.path() / "archived";
  unpack_run_archive(directory_.path() / "a.tar.xz", archived);
  const std::string metrics = text_of(archived / "metrics.jsonl");
  const std::vector<double> row{10, 90};
  ASSERT_TRUE(compare_trials(archived, again_, row).holds);
  ASSERT_TRUE(compare_beginnings(archived, again_).holds);
  for (const std::string name : {"loss", "bits_up", "vote_overlap", "test_loss", "test_accuracy"}) {
    const std::size_t from = metrics.find("\"" + name + "\":") + name.size() + 3;
    const std::size_t size = metrics.find_first_of(",}", from) - from;
    std::ofstream(archived / "metrics.jsonl") << std::string(metrics).replace(from, size, "1");
    for (const Comparison& other :
         {compare_trials(archived, again_, row), compare_beginnings(archived, again_)}) {
      EXPECT_FALSE(other.holds) << name;
      EXPECT_THAT(other.words,
                  testing::ContainsRegex("another " + name +
                                         " first after round [0-9]+: .*, and before 1"));
    }
  }
  // A mean over rounds, by which claims are judged; a coordinate of a mask; the end.
  const std::string means = "\"means\":{\"mask_overlap\":";
  for (const auto& [where, name] : std::vector<std::pair<std::string, std::string>>{
           {means, "mean of mask_overlap"}, {"\"linear\":", "kept_by_layer of linear"}}) {
    const std::size_t from = metrics.find(where) + where.size();
    ASSERT_GE(from, where.size());
    const std::size_t size = metrics.find_first_of(",}", from) - from;
    std::ofstream(archived / "metrics.jsonl") << std::string(metrics).replace(from, size, "77");
    EXPECT_THAT(compare_trials(archived, again_, row).words, HasSubstr("another " + name));
    EXPECT_THAT(compare_beginnings(archived, again_).words, HasSubstr("another " + name));
  }
  // Times are another machine's.
  std::string later = metrics;
  for (std::size_t at = later.find("\"seconds\":"); at != std::string::npos;
       at = later.find("\"seconds\":", at + 1)) {
    later.insert(at + 10, "9");
  }
  std::ofstream(archived / "metrics.jsonl") << later;
  EXPECT_TRUE(compare_trials(archived, again_, row).holds);
  for (const std::string name : {"test_accuracy", "rate_run_uplink"}) {
    std::ofstream(archived / "metrics.jsonl") << metrics;
    alter(archived / "metrics.jsonl", "\"" + name + "\":", ",}", "0.75");
    EXPECT_THAT(compare_trials(archived, again_, row).words,
                HasSubstr("another " + name + " first at the end"));
  }
}

// Rounding is the compiler's, and an older program wrote fewer numbers.
TEST_F(ComparedTrials, OfTheSameBitsMayDifferInTheLastDigitsAndInNumbersThatWereNotWritten) {
  const std::string metrics = text_of(before_ / "metrics.jsonl");
  const std::size_t from = metrics.find("\"test_loss\":") + 12;
  const std::size_t end = metrics.find_first_of(",}", from);
  const double loss = std::stod(metrics.substr(from, end - from));
  const auto with = [&](double other) {
    std::ofstream(before_ / "metrics.jsonl")
        << std::string(metrics).replace(from, end - from, fmt::format("{}", other));
    return compare_trials(before_, again_, {}).holds;
  };
  EXPECT_TRUE(with(loss * (1 + 1e-11)));
  EXPECT_FALSE(with(loss * (1 + 1e-7)));
  std::string fewer = metrics;
  for (std::size_t at = fewer.find(",\"vote_overlap\":"); at != std::string::npos;
       at = fewer.find(",\"vote_overlap\":")) {
    fewer.erase(at, fewer.find_first_of(",}", at + 1) - at);
  }
  ASSERT_NE(fewer, metrics);
  std::ofstream(before_ / "metrics.jsonl") << fewer;
  EXPECT_TRUE(compare_trials(before_, again_, {}).holds);
}

// Of three trials with a deviation of 2: Student's 9.925 for 99 % and two degrees, x 2 x sqrt(2).
TEST_F(ComparedTrials, OfOtherBitsEndAsNearAs99PerCentOfTwoTrialsOfTheRow) {
  has_bits_of("of another processor");
  const double percent = 100 * read_run_history(before_).end.value().test_accuracy;
  const std::vector<double> row{50, 52, 54};
  for (const double sign : {-1., 1.}) {
    ends_at(percent + sign * 28.06);
    EXPECT_TRUE(compare_trials(before_, again_, row).holds);
    ends_at(percent + sign * 28.08);
    EXPECT_FALSE(compare_trials(before_, again_, row).holds);
  }
  const Comparison alone = compare_trials(before_, again_, std::vector<double>{50});
  EXPECT_TRUE(alone.holds);
  EXPECT_THAT(alone.words, HasSubstr("one trial of the row has no deviation"));
}

// An older program did not say whose bits they are.
TEST_F(ComparedTrials, OfBitsThatNobodyNamesAreComparedByAccuracy) {
  for (const fs::path& run : {before_, again_}) {
    alter(run / "config.toml", "\nbits = ", "\n", "\"\"");
  }
  alter(again_ / "metrics.jsonl", "\"theta_sha256\":\"", "\"", std::string(64, '0'));
  EXPECT_TRUE(compare_trials(before_, again_, std::vector<double>{50, 52}).holds);
  const Comparison beginning = compare_beginnings(before_, again_);
  EXPECT_TRUE(beginning.holds);
  EXPECT_THAT(beginning.words, HasSubstr("nothing is held"));
}

// Each epoch is evaluated: there are two.
TEST_F(ComparedTrials, OfWhichTheFirstRoundsAloneRanAgainAreComparedUpToThere) {
  const std::uint32_t first = round_of_evaluation(before_, 1);
  ASSERT_LT(first, round_of_evaluation(before_, 2));
  EXPECT_THAT([&] { (void)round_of_evaluation(before_, 3); },
              testing::ThrowsMessage<InputError>(HasSubstr("2 evaluations with a digest, not 3")));
  Settings settings = small_settings("ssgd-mv-l4");
  settings.rounds = first;
  const fs::path beginning = directory_.path() / "beginning";
  train_into(beginning, settings);
  const Comparison comparison = compare_beginnings(before_, beginning);
  EXPECT_TRUE(comparison.holds) << comparison.words;
  EXPECT_THAT(comparison.words, HasSubstr(fmt::format("1 digests to round {}, ", first)));
  // What comes later is not held.
  alter(before_ / "metrics.jsonl", "\"theta_sha256\":\"", "\"", std::string(64, '0'));
  EXPECT_TRUE(compare_beginnings(before_, beginning).holds);
  std::string without = text_of(beginning / "metrics.jsonl");
  const std::size_t digest = without.find(",\"theta_sha256\":");
  without.erase(digest, without.find_first_of(",}", digest + 1) - digest);
  std::ofstream(beginning / "metrics.jsonl") << without;
  EXPECT_FALSE(compare_beginnings(before_, beginning).holds) << "no digest is compared";
}

TEST_F(ComparedTrials, AreDrawnBySeedFromThoseThatHaveFinished) {
  const Settings settings = small_settings("ssgd-mv-l4");
  const std::vector<TrialSpec> trials{{.settings = settings, .path = directory_.path() / "absent"},
                                      {.settings = settings, .path = before_},
                                      {.settings = settings, .path = again_}};
  const auto drawn = [&](std::size_t count, std::uint64_t seed) {
    std::vector<fs::path> paths;
    for (const TrialSpec& trial : drawn_trials(trials, count, seed)) paths.push_back(trial.path);
    return paths;
  };
  EXPECT_THAT(drawn(9, 1), testing::UnorderedElementsAre(before_, again_));
  std::set<fs::path> firsts;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(drawn(1, seed), std::vector{drawn(2, seed).front()});
    firsts.insert(drawn(1, seed).front());
  }
  EXPECT_EQ(firsts.size(), 2U);
}

TEST_F(ComparedTrials, HaveBothEnded) {
  std::string text = text_of(again_ / "metrics.jsonl");
  std::ofstream(again_ / "metrics.jsonl") << text.substr(0, text.find("{\"end\""));
  EXPECT_THROW((void)compare_trials(before_, again_, {}), InputError);
}

}  // namespace
}  // namespace mvsgd::sim
