// A run's directory and the audit of its ledger.
#include "sim/run/run_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <climits>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "data/synthetic.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/run/tensorboard.hpp"
#include "sim/verify/verify.hpp"
#include "tests/sanitizers.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class RunDirectoryTest : public testing::Test {
 protected:
  /// Trains a run of a few rounds to its end. Returns its accuracy.
  double train() {
    RunDirectory directory(path_, settings_, {{"version", "test"}, {"bits", "portable"}});
    const auto images = data::synthesize({.train = 64, .test = 16});
    TrialSinks sinks;
    sinks.on_round = [&](const RoundRecord& record) { directory.add(record, 1.5); };
    const TrialResult result = run_trial(settings_, images, sinks);
    directory.finish(result, 2.5);
    return result.evaluation.accuracy;
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

  static Settings make_settings(const char* name = "ssgd-mv") {
    Settings settings = preset(name).settings;
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
  TestDirectory directory_;
  fs::path path_ = directory_.path() / "run";
};

TEST_F(RunDirectoryTest, ConfigReadsBackAsTheSettings) {
  train();
  std::ostringstream want;
  write_toml(settings_, want);
  std::ostringstream got;
  write_toml(read_toml((path_ / "config.toml").string(), std::nullopt), got);
  EXPECT_EQ(got.str(), want.str());
  EXPECT_THAT(text("config.toml"),
              HasSubstr("[environment]\nversion = \"test\"\nbits = \"portable\"\n"));
}

TEST_F(RunDirectoryTest, LedgerOfAFinishedRunIsTheLaw) {
  const double accuracy = train();
  const Verification verification = verify_run(path_, {});
  EXPECT_TRUE(verification.holds()) << verification.checks.front().detail;
  EXPECT_THAT(text("ledger.csv"), HasSubstr("0,0,down,model,initial_model,365440\n"));
  EXPECT_THAT(text("metrics.jsonl"), HasSubstr("\"round\":3"));
  EXPECT_EQ(read_finished_run(path_).accuracy, accuracy);
}

TEST_F(RunDirectoryTest, AnAlteredBitCountIsFound) {
  train();
  replace("ledger.csv", ",up,vote,positions,", ",up,vote,positions,1");
  const Verification verification = verify_run(path_, {});
  EXPECT_FALSE(verification.holds());
  EXPECT_THAT(verification.checks.front().detail,
              HasSubstr("round 2, worker 0, up vote positions"));
}

TEST_F(RunDirectoryTest, WhoseBitsTheDigestTellsOfIsSaid) {
  train();
  const std::string config = text("config.toml");
  const auto said = [&](const std::string& bits) {
    std::string altered = config;
    const std::string portable = "bits = \"portable\"\n";
    altered.replace(altered.find(portable), portable.size(), bits);
    std::ofstream(path_ / "config.toml") << altered;
    const Verification verification = verify_run(path_, {});
    const auto& [subject, claim, holds, detail] = verification.checks.at(2);
    EXPECT_THAT(subject, testing::EndsWith("model.safetensors"));
    EXPECT_TRUE(holds) << detail;
    return detail.substr(std::min(detail.find("; "), detail.size()));
  };
  EXPECT_EQ(said("bits = \"portable\"\n"), "; bits: portable, every processor trains to them");
  EXPECT_EQ(said("bits = \"a processor, a library\"\n"), "; bits of a processor, a library");
  EXPECT_EQ(said(""), "; an older program did not tell whose bits they are");
}

class RunDirectoryOfPreset : public RunDirectoryTest,
                             public testing::WithParamInterface<const char*> {
 protected:
  /// A dense round, then three sparse ones.
  RunDirectoryOfPreset() {
    settings_ = make_settings(GetParam());
    settings_.epochs = 4;
    settings_.rounds = 4;
  }
  [[nodiscard]] std::size_t times(const char* name, const std::string& what) {
    const std::string content = text(name);
    std::size_t count = 0;
    for (auto at = content.find(what); at != std::string::npos; at = content.find(what, at + 1)) {
      ++count;
    }
    return count;
  }
  /// The run's ledger with one bit more in the last row with `columns`.
  [[nodiscard]] std::string with_one_bit_more(const std::string& columns) {
    std::string content = text("ledger.csv");
    const std::size_t bits = content.rfind(columns) + columns.size();
    const std::size_t end = content.find('\n', bits);
    const std::uint64_t more = std::stoull(content.substr(bits, end - bits)) + 1;
    return content.replace(bits, end - bits, std::to_string(more));
  }
  static std::string details(const Verification& verification) {
    std::string all;
    for (const Check& check : verification.checks) all += check.detail + '\n';
    return all;
  }
};

TEST_P(RunDirectoryOfPreset, ItsLedgerHoldsAndOneBitMoreInAnyKindOfRowIsFound) {
  train();
  const Verification verification = verify_run(path_, {});
  ASSERT_TRUE(verification.holds()) << details(verification);
  const bool ad = settings_.scheme->name() == "mv-ad";
  std::vector<std::string> rows{"up,vote,positions", "up,update,values", "down,mask,positions",
                                "down,aggregate,values"};
  if (ad) rows.insert(rows.end(), {"up,add,positions", "up,drop,positions"});
  if (settings_.value_bits < 32) rows.emplace_back("up,update,level_means");
  const std::string untouched = text("ledger.csv");
  for (std::string row : rows) {
    const std::string altered = with_one_bit_more("," + row + ",");
    ASSERT_NE(altered, untouched) << row;
    std::ofstream(path_ / "ledger.csv") << altered;
    const Verification found = verify_run(path_, {});
    EXPECT_FALSE(found.holds()) << row;
    std::replace(row.begin(), row.end(), ',', ' ');
    EXPECT_THAT(details(found), HasSubstr("worker 1, " + row));
    std::ofstream(path_ / "ledger.csv") << untouched;
  }
}

TEST_P(RunDirectoryOfPreset, ItsMetricsHaveTheSizesThatTheRunDecides) {
  train();
  const std::string metrics = text("metrics.jsonl");
  const bool ad = settings_.scheme->name() == "mv-ad";
  EXPECT_EQ(times("metrics.jsonl", "\"changes\":["), ad ? 2U : 0U);  // after the first vote
  EXPECT_EQ(times("metrics.jsonl", "\"union_size\":"),
            settings_.scheme->name() == "top-k" ? 3U : 0U);
  if (ad) {
    EXPECT_THAT(metrics, testing::ContainsRegex("\"changes\":.[0-9]+,[0-9]+.,"));
  }
}

INSTANTIATE_TEST_SUITE_P(Each, RunDirectoryOfPreset,
                         testing::Values("ssgd-mv-ad-l4-q", "top-k", "ssgd-mv-rs-l4"),
                         [](const testing::TestParamInfo<const char*>& name) {
                           std::string text = name.param;
                           std::replace(text.begin(), text.end(), '-', '_');
                           return text;
                         });

TEST_F(RunDirectoryTest, ATruncatedLedgerIsFound) {
  train();
  const std::string all = text("ledger.csv");
  std::ofstream(path_ / "ledger.csv") << all.substr(0, all.rfind("3,1,down"));
  EXPECT_FALSE(verify_run(path_, {}).holds());
}

class UnfinishedRun : public RunDirectoryTest {
 protected:
  /// Removes the last `count` lines of a file.
  void drop_lines(const char* name, int count) {
    std::string content = text(name);
    for (int i = 0; i <= count; ++i) content.resize(content.rfind('\n'));
    std::ofstream(path_ / name) << content << '\n';
  }
  [[nodiscard]] std::vector<std::string> details() const {
    std::vector<std::string> all;
    for (const Check& check : verify_run(path_, {}).checks) {
      all.push_back((check.holds ? "" : "WRONG: ") + check.detail);
    }
    return all;
  }
};

TEST_F(UnfinishedRun, HoldsSoFarWhereverItWasCutOff) {
  train();
  drop_lines("metrics.jsonl", 2);  // the end and round 3
  EXPECT_THAT(details(), testing::ElementsAre(HasSubstr("rows, 2 of 3 rounds so far"),
                                              "2 of 3 rounds so far"));
  // As if a program were writing round 3.
  drop_lines("ledger.csv", 1);
  EXPECT_THAT(details(), testing::ElementsAre(HasSubstr("rows, 2 of 3 rounds so far"),
                                              "2 of 3 rounds so far"));
  std::ofstream(path_ / "ledger.csv", std::ios::app) << "3,1,do";
  std::ofstream(path_ / "metrics.jsonl", std::ios::app) << "{\"round\":3,\"ep";
  EXPECT_THAT(details(), testing::ElementsAre(HasSubstr("rows, 2 of 3 rounds so far"),
                                              "2 of 3 rounds so far"));
}

TEST_F(UnfinishedRun, BeforeItsFirstRoundHolds) {
  const RunDirectory directory(path_, settings_, {{"version", "test"}});
  EXPECT_THAT(details(), testing::ElementsAre("0 of 3 rounds so far", "0 of 3 rounds so far"));
}

TEST_F(UnfinishedRun, ARowThatALineOfMetricsIsOfIsMissed) {
  train();
  drop_lines("metrics.jsonl", 1);  // the end
  drop_lines("ledger.csv", 1);
  EXPECT_THAT(details(), testing::ElementsAre(HasSubstr("WRONG: round 3, worker 1, down"),
                                              HasSubstr("WRONG: round 3: bits_down is")));
}

TEST_F(RunDirectoryTest, WhatOtherFilesSayOfTheRunIsHeldAgainstIt) {
  train();
  const auto wrong = [&] {
    std::vector<std::string> found;
    for (const Check& check : verify_run(path_, {}).checks) {
      if (!check.holds) found.push_back(check.subject + ": " + check.detail);
    }
    return found;
  };
  EXPECT_THAT(wrong(), testing::IsEmpty());

  const std::string metrics = text("metrics.jsonl");
  replace("metrics.jsonl", "\"bits_up\":", "\"bits_up\":1");
  EXPECT_THAT(wrong(), testing::ElementsAre(HasSubstr("metrics.jsonl: round 1: bits_up is 1")));
  std::ofstream(path_ / "metrics.jsonl") << metrics;

  const std::string model = text("model.safetensors");
  std::string altered = model;
  const std::size_t middle = model.size() / 2;
  altered[middle] = static_cast<char>(altered[middle] ^ 1);
  std::ofstream(path_ / "model.safetensors", std::ios::binary) << altered;
  EXPECT_THAT(wrong(),
              testing::ElementsAre(HasSubstr("model.safetensors: its parameters have SHA-256")));
  fs::remove(path_ / "model.safetensors");
  EXPECT_THAT(wrong(), testing::ElementsAre(HasSubstr("model.safetensors: cannot be read")));
  std::ofstream(path_ / "model.safetensors", std::ios::binary) << model;

  // No equation and no schedule depends on these.
  replace("config.toml", "\nweight_decay = 0.0001\n", "\nweight_decay = 0.0002\n");
  EXPECT_THAT(wrong(), testing::ElementsAre(HasSubstr("config.toml: it has ")));
  replace("config.toml", "\nweight_decay = 0.0002\n", "\nweight_decay = 0.0001\n");
  replace("config.toml", "\nversion = \"test\"\n", "\nversion = \"text\"\n");
  EXPECT_THAT(wrong(), testing::ElementsAre(HasSubstr("config.toml: it has ")));
  replace("config.toml", "\nversion = \"text\"\n", "\nversion = \"test\"\n");

  for (const std::string name : {"ledger.csv", "model.safetensors", "config.toml"}) {
    replace("metrics.jsonl", '"' + name + "\":{", "\"another." + name + "\":{");
    EXPECT_THAT(wrong(), testing::ElementsAre(AllOf(HasSubstr("metrics.jsonl: its last line has"),
                                                    HasSubstr(name))));
    std::ofstream(path_ / "metrics.jsonl") << metrics;
  }
}

TEST_F(RunDirectoryTest, AnAlteredEventFileIsNamed) {
  train();
  constexpr std::array<Scalar, 1> kLoss{{{"train/loss", 2.5}}};
  EventFile(path_, 1e9).add(1, 1e9, kLoss);
  const std::string name = "events.out.tfevents.1000000000.mvsgd";
  EXPECT_TRUE(verify_run(path_, {}).holds());
  const std::string whole = text(name.c_str());
  for (std::size_t at = 0; at <= whole.size(); ++at) {
    std::string altered = whole;
    if (at < whole.size()) {
      altered[at] = static_cast<char>(altered[at] ^ 1);
    } else {
      altered += 'x';
    }
    std::ofstream(path_ / name, std::ios::binary) << altered;
    const Verification verification = verify_run(path_, {});
    EXPECT_FALSE(verification.holds()) << at;
    EXPECT_THAT(verification.checks.back().subject, testing::EndsWith(name));
    EXPECT_FALSE(verification.checks.back().holds) << at;
  }
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

TEST_F(RunDirectoryTest, WhatFollowsItsEndIsRefusedWithItsLine) {
  train();
  const std::string whole = text("metrics.jsonl");
  const std::string end = whole.substr(whole.find("{\"end\""));
  for (const std::string& more : {std::string("x"), std::string("\n"), end, std::string("{")}) {
    std::ofstream(path_ / "metrics.jsonl") << whole << more;
    EXPECT_THAT([&] { (void)verify_run(path_, {}); },
                testing::ThrowsMessage<InputError>(
                    HasSubstr("metrics.jsonl:5: something follows the line of the run's end")))
        << more;
  }
}

TEST_F(RunDirectoryTest, WhatIsThereIsNotOverwritten) {
  fs::create_directories(path_);
  std::ofstream(path_ / "mine.txt") << "mine";
  EXPECT_THROW(RunDirectory(path_, settings_, {}), InputError);
  EXPECT_EQ(text("mine.txt"), "mine");
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), {}), 1);
}

// Each begins when all do, so that all find nothing there.
TEST_F(RunDirectoryTest, OfSeveralThatBeginAtOnceOneHasItAndTheOthersLeaveItsFilesAlone) {
  constexpr int kAtOnce = 4;
  for (int i = 0; i < 200; ++i) {
    const fs::path path = path_ / std::to_string(i);
    fs::create_directories(path);
    std::barrier begin(kAtOnce);
    std::barrier all_have_tried(kAtOnce);
    std::atomic<int> holders = 0;
    std::atomic<int> missing = 0;
    const auto run = [&] {
      begin.arrive_and_wait();
      try {
        const RunDirectory directory(path, settings_, {{"version", "test"}});
        all_have_tried.arrive_and_wait();
        ++holders;
        for (const char* const name :
             {"config.toml", "metrics.jsonl", "ledger.csv", "checkpoint"}) {
          if (!fs::exists(path / name)) ++missing;
        }
      } catch (const InputError&) {
        all_have_tried.arrive_and_wait();
      }
    };
    {
      std::vector<std::jthread> threads;
      threads.reserve(kAtOnce);
      for (int n = 0; n < kAtOnce; ++n) threads.emplace_back(run);
    }
    ASSERT_EQ(holders, 1) << i;
    ASSERT_EQ(missing, 0) << i;
  }
}

// The directory itself can be made: its path is as long as the system takes, or a few letters less.
TEST_F(RunDirectoryTest, NothingIsLeftWhereNothingCanBeWritten) {
  constexpr std::size_t kLongest = PATH_MAX - 1;
  const std::string config = "/config.toml";
  const std::string checkpoints = "/checkpoint";
  ASSERT_LT(checkpoints.size(), config.size());
  for (const std::size_t size : {kLongest, kLongest - checkpoints.size()}) {
    fs::path longest = path_;
    while (size - longest.native().size() > 200) longest /= std::string(100, 'd');
    longest /= std::string(size - longest.native().size() - 1, 'd');
    fs::create_directories(longest);
    fs::remove_all(path_);
    EXPECT_THROW(RunDirectory(longest, settings_, {}), InputError) << size;
    EXPECT_TRUE(fs::is_empty(directory_.path())) << size;
  }
}

TEST_F(RunDirectoryTest, NothingIsLeftWhereNoFurtherFileCanBeOpened) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer needs a pipe to look at an object's type";
  rlimit usual{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = usual.rlim_max};  // the standard ones
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_THROW(RunDirectory(path_, settings_, {}), InputError);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(RunDirectoryTest, AnUnfinishedRunIsNoBaseline) {
  { const RunDirectory directory(path_, settings_, {}); }
  EXPECT_THROW((void)read_finished_run(path_), InputError);
  fs::create_directories(path_);  // a run without a round has left nothing
  {
    std::ofstream config(path_ / "config.toml");
    write_toml(settings_, config);
  }
  for (const char* line :
       {"{\"end\":true}", "{\"end\":true,\"test_accuracy\":\"1\"}", "[\"end\"]"}) {
    std::ofstream(path_ / "metrics.jsonl") << line << '\n';
    EXPECT_THROW((void)read_finished_run(path_), InputError) << line;
    EXPECT_FALSE(has_finished(path_)) << line;
  }
  const std::string end = "{\"end\":true,\"test_accuracy\":0.5}";
  std::ofstream(path_ / "metrics.jsonl") << end << '\n';
  EXPECT_TRUE(has_finished(path_));
  EXPECT_EQ(read_finished_run(path_).accuracy, 0.5);
  std::ofstream(path_ / "metrics.jsonl") << end << '\0' << ",\n";
  EXPECT_FALSE(has_finished(path_)) << "something follows a NUL byte";
}

}  // namespace
}  // namespace mvsgd::sim
