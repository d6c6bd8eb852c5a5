// How a trial that was run again is held against the one before.
#include "sim/reproduce/archived_trials.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "sim/files/input_error.hpp"
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

TEST_F(ComparedTrials, OfOtherBitsEndWithinThreeDeviationsOfTheRow) {
  has_bits_of("of another processor");
  const double percent = 100 * read_run_history(before_).end.value().test_accuracy;
  const std::vector<double> row{50, 52, 54};  // a deviation of 2
  for (const double sign : {-1., 1.}) {
    ends_at(percent + sign * 5.99);
    EXPECT_TRUE(compare_trials(before_, again_, row).holds);
    ends_at(percent + sign * 6.01);
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

TEST_F(ComparedTrials, HaveBothEnded) {
  std::string text = text_of(again_ / "metrics.jsonl");
  std::ofstream(again_ / "metrics.jsonl") << text.substr(0, text.find("{\"end\""));
  EXPECT_THROW((void)compare_trials(before_, again_, {}), InputError);
}

}  // namespace
}  // namespace mvsgd::sim
