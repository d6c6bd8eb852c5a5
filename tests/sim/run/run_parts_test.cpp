// A run that goes on elsewhere: config.toml has the environment of each part.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/files/environment.hpp"
#include "sim/plan/settings_file.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RunParts : public testing::Test {
 protected:
  void train(const std::string& rounds) {
    const Outcome outcome = run({"train",       "--preset",         "ssgd-mv", "--width",
                                 "1",           "--workers",        "2",       "--batch",
                                 "2",           "--slots",          "1",       "--synthetic-train",
                                 "32",          "--synthetic-test", "2",       "--epochs",
                                 "1",           "--rounds",         rounds,    "--out",
                                 path_.string()});
    ASSERT_EQ(outcome.code, Exit::good) << outcome.err;
  }
  void go_on(const std::string& rounds) {
    const Outcome outcome = run({"train", "--resume", path_.string(), "--rounds", rounds});
    ASSERT_EQ(outcome.code, Exit::good) << outcome.err;
  }
  [[nodiscard]] std::vector<RunPart> parts() const {
    return read_run_parts((path_ / "config.toml").string());
  }
  /// Alters config.toml as if another processor had done the run so far.
  void leave_for_another_processor() const {
    std::string text = text_of(path_ / "config.toml");
    const std::string_view here = "\nprocessor = \"";
    text.insert(text.find(here) + here.size(), "not ");
    std::ofstream(path_ / "config.toml", std::ios::binary) << text;
  }

  TestDirectory directory_;
  fs::path path_ = fs::path(directory_.path()) / "run";
};

TEST_F(RunParts, HaveTheEnvironmentOfEachWithItsFirstRound) {
  train("3");
  ASSERT_EQ(parts().size(), 1U);
  const Environment here = parts().front().environment;
  go_on("4");  // from round 3, which runs once more
  EXPECT_EQ(parts().size(), 1U) << "it has gone on where it was";

  leave_for_another_processor();
  go_on("6");
  ASSERT_EQ(parts().size(), 2U);
  EXPECT_EQ(parts()[0].first_round, 1U);
  EXPECT_EQ(value_of(parts()[0].environment, "processor"), "not " + value_of(here, "processor"));
  EXPECT_EQ(parts()[1].first_round, 4U);
  EXPECT_EQ(parts()[1].environment, here);
  EXPECT_EQ(value_of(read_run_settings(path_ / "config.toml").environment, "processor"),
            value_of(here, "processor"));
  go_on("7");
  EXPECT_EQ(parts().size(), 2U);

  // Rounds that are cut off belong to no part: of a run that was killed and has no checkpoint, all.
  leave_for_another_processor();
  const std::string rows = text_of(path_ / "metrics.jsonl");
  std::ofstream(path_ / "metrics.jsonl") << rows.substr(0, rows.find("{\"end\""));
  for (const fs::directory_entry& checkpoint : fs::directory_iterator(path_ / "checkpoint")) {
    fs::remove_all(checkpoint.path());
  }
  go_on("7");
  ASSERT_EQ(parts().size(), 1U) << "it has begun again";
  EXPECT_EQ(parts().front().environment, here);
}

TEST_F(RunParts, OfBitsOfTheirOwnAreToldOfByVerify) {
  train("2");
  EXPECT_THAT(run({"verify", path_.string()}).out, HasSubstr("bits: portable"));
  std::string text = text_of(path_ / "config.toml");
  const std::string portable = "\nbits = \"portable\"";
  const std::size_t at = text.find(portable);
  ASSERT_NE(at, std::string::npos);
  std::ofstream(path_ / "config.toml", std::ios::binary)
      << text.replace(at, portable.size(), "\nbits = \"Xeon; then EPYC\"");
  EXPECT_THAT(run({"verify", path_.string()}).out,
              HasSubstr("; of more than one place, and to be had at none of them: bits of Xeon; "
                        "then EPYC"));
}

}  // namespace
}  // namespace mvsgd::sim
