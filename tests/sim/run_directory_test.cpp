// A run's directory and the audit of its ledger.
#include "sim/run_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "data/synthetic.hpp"
#include "sim/presets.hpp"
#include "sim/verify.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RunDirectoryTest : public testing::Test {
 protected:
  RunDirectoryTest() { fs::remove_all(path_); }
  ~RunDirectoryTest() override { fs::remove_all(path_); }

  /// A finished run of a few rounds.
  void train() {
    RunDirectory directory(path_, settings_, {{"version", "test"}});
    const auto images = data::synthesize({.train = 64, .test = 16});
    TrialSinks sinks;
    sinks.on_round = [&](const TrialRound& round) { directory.add(round, 1.5); };
    directory.finish(run_trial(settings_, images, sinks), 2.5);
  }

  std::string text(const char* name) {
    std::ifstream file(path_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void replace(const char* name, const std::string& from, const std::string& to) {
    std::string content = text(name);
    const std::size_t at = content.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    std::ofstream(path_ / name) << content.replace(at, from.size(), to);
  }

  static Settings make_settings() {
    Settings settings = preset("ssgd-mv").settings;
    settings.backend = "reference";
    settings.width = 2;
    settings.workers = 2;
    settings.batch = 8;
    settings.synthetic_train = 64;
    settings.synthetic_test = 16;
    settings.epochs = 1;
    settings.rounds = 3;
    return settings;
  }

  Settings settings_ = make_settings();
  fs::path path_ =
      fs::path(testing::TempDir()) /
      (std::string("mvsgd_run_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(RunDirectoryTest, ConfigReadsBackAsTheSettings) {
  train();
  std::ostringstream want;
  write_toml(settings_, want);
  std::ostringstream got;
  write_toml(read_toml((path_ / "config.toml").string(), std::nullopt), got);
  EXPECT_EQ(got.str(), want.str());
  EXPECT_THAT(text("config.toml"), HasSubstr("[environment]\nversion = \"test\"\n"));
}

TEST_F(RunDirectoryTest, LedgerOfAFinishedRunIsTheLaw) {
  train();
  const Verification verification = verify_run(path_, {});
  EXPECT_TRUE(verification.holds()) << verification.checks.front().detail;
  EXPECT_THAT(text("ledger.csv"), HasSubstr("0,0,down,model,initial_model,365440\n"));
  EXPECT_THAT(text("metrics.jsonl"), HasSubstr("\"round\":3"));
  EXPECT_GT(read_finished_run(path_).accuracy, -1);
}

TEST_F(RunDirectoryTest, AnAlteredBitCountIsFound) {
  train();
  replace("ledger.csv", ",up,vote,positions,", ",up,vote,positions,1");
  const Verification verification = verify_run(path_, {});
  EXPECT_FALSE(verification.holds());
  EXPECT_THAT(verification.checks.front().detail,
              HasSubstr("round 2, worker 0, up vote positions"));
}

TEST_F(RunDirectoryTest, ATruncatedLedgerIsFound) {
  train();
  const std::string all = text("ledger.csv");
  std::ofstream(path_ / "ledger.csv") << all.substr(0, all.rfind("3,1,down"));
  EXPECT_FALSE(verify_run(path_, {}).holds());
}

TEST_F(RunDirectoryTest, WhatIsNoLedgerIsRefusedWithItsLine) {
  train();
  replace("ledger.csv", "1,0,up,dense,values", "1,0,sideways,dense,values");
  try {
    (void)verify_run(path_, {});
    FAIL() << "nothing was thrown";
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), HasSubstr("'sideways' is not a name"));
    EXPECT_THAT(e.what(), testing::ContainsRegex("ledger.csv:[0-9]+"));
  }
  EXPECT_THROW((void)verify_run(path_ / "none", {}), InputError);
}

TEST_F(RunDirectoryTest, WhatIsThereIsNotOverwritten) {
  fs::create_directories(path_);
  std::ofstream(path_ / "mine.txt") << "mine";
  EXPECT_THROW(RunDirectory(path_, settings_, {}), InputError);
  EXPECT_EQ(text("mine.txt"), "mine");
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), {}), 1);
}

TEST_F(RunDirectoryTest, NothingIsLeftWhereNothingCanBeWritten) {
  EXPECT_THROW(RunDirectory("/proc/mvsgd", settings_, {}), InputError);
  EXPECT_FALSE(fs::exists("/proc/mvsgd"));
}

TEST_F(RunDirectoryTest, AnUnfinishedRunIsNoBaseline) {
  { const RunDirectory directory(path_, settings_, {}); }
  EXPECT_THROW((void)read_finished_run(path_), InputError);
}

}  // namespace
}  // namespace mvsgd::sim
