// Every key through the program: a refusal is exit code 2, one line and an empty directory.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/idle_cases.hpp"
#include "tests/sim/key_cases.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class RefusalOfAKey : public testing::Test {
 protected:
  void expect_refused(std::vector<std::string> args, const std::string& words) const {
    // If it is not refused, the run ends after one round at width 1.
    args.insert(args.begin(), {"train", "--set", "width=1"});
    args.insert(args.end(), {"--out", (directory_.path() / "run").string()});
    const Outcome outcome = run(args, [] { return true; });
    EXPECT_EQ(outcome.code, Exit::usage) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("mvsgd: "), HasSubstr(words)));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(fs::is_empty(directory_.path())) << words;
  }

  TestDirectory directory_;
};

class KeyOfTheCommandLine : public RefusalOfAKey,
                            public testing::WithParamInterface<std::string_view> {};

std::vector<std::string_view> names() {
  std::vector<std::string_view> all;
  for (const Key& key : keys()) all.push_back(key.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(, KeyOfTheCommandLine, testing::ValuesIn(names()),
                         [](const auto& key) { return std::string(key.param); });

TEST_P(KeyOfTheCommandLine, IsRefusedBeyondItsRangeAndLeavesNothing) {
  std::vector<KeyCase> cases = key_cases();
  std::erase_if(cases, [](const KeyCase& one) { return one.key != GetParam(); });
  ASSERT_EQ(cases.size(), 1U);
  const KeyCase& own = cases.front();
  const std::string key(own.key);
  for (const std::string& value : own.refused) {
    if (value.empty()) {
      expect_refused({"--" + key, value}, "--" + key + " '': it may not be empty");
      continue;
    }
    const std::string words = fmt::format("{} = {}: {}\n", key, value, own.told);
    expect_refused({fmt::format("--{}={}", key, value)}, words);
    expect_refused({"--set", fmt::format("{}={}", key, value)}, words);
  }
}

TEST_P(KeyOfTheCommandLine, IsRefusedWhereItHasNoEffectAndLeavesNothing) {
  for (const IdleCase& one : idle_cases()) {
    if (one.key != GetParam()) continue;
    const std::vector<KeyCase> cases = key_cases();
    const auto of_key = std::ranges::find(cases, one.key, &KeyCase::key);
    const std::string value(one.value.empty() ? of_key->ends.front() : one.value);
    std::vector<std::string> args;
    for (const auto& [name, other] : one.beside) {
      args.insert(args.end(), {"--set", fmt::format("{}={}", name, other)});
    }
    args.push_back("--" + std::string(one.key) + "=" + value);
    expect_refused(args, std::string(one.told));
  }
}

class KeyOfAFile : public RefusalOfAKey {
 protected:
  std::string write(const std::string& text) const {
    std::ofstream(file_) << text;
    return file_;
  }
  TestDirectory elsewhere_;
  std::string file_ = elsewhere_.path() / "settings.toml";
};

TEST_F(KeyOfAFile, WithoutEffectIsRefusedWithItsLineUnlessTheCommandLineTakesItBack) {
  const std::string file = write("scheme = \"mv-ad\"\nphi_ad = 0.02\n");
  expect_refused({"--config", file, "--scheme", "mv"},
                 "settings.toml:2: phi_ad = 0.02: only scheme mv-ad adds to a vote and drops from "
                 "it, and scheme = mv, so it has no effect\n");
  expect_refused({"--config", file, "--scheme", "mv", "--phi-ad", "0.03"},
                 "mvsgd: phi_ad = 0.03: only scheme mv-ad");
  // These keys are not refused, so the error is another one.
  const std::vector<std::string> too_many{"-q", "--workers", "121", "--synthetic-train", "120"};
  for (const std::vector<std::string>& good :
       {std::vector<std::string>{}, {"--scheme", "mv", "--phi-ad", "0.001"}}) {
    std::vector<std::string> args{"--config", file};
    args.insert(args.end(), good.begin(), good.end());
    args.insert(args.end(), too_many.begin(), too_many.end());
    expect_refused(args, "workers = 121: there are 120 training images");
  }
}

TEST_F(KeyOfAFile, ThatARunHasWrittenIsTakenWhateverItsEffect) {
  const std::string first = elsewhere_.path() / "first";
  const Outcome trained = run({"train", "--scheme",         "mv-ad", "--phi-ad",
                               "0.5",   "--width",          "1",     "--workers",
                               "2",     "--batch",          "2",     "--synthetic-train",
                               "8",     "--synthetic-test", "2",     "--epochs",
                               "1",     "--slots",          "1",     "--out",
                               first});
  ASSERT_EQ(trained.code, Exit::good) << trained.err;
  const Outcome again = run({"train", "--config", first + "/config.toml", "--scheme", "mv", "--out",
                             elsewhere_.path() / "again"});
  EXPECT_EQ(again.code, Exit::good) << again.err;
}

TEST_F(RefusalOfAKey, OfAllTrialsOfAReproductionIsForOneWithoutEffectInAny) {
  const auto estimated = [&](const std::string& rows) {
    return run({"reproduce", "table1", "--scale", "smoke", "--rows", rows, "--phi-ad", "0.02",
                "--trials", "1", "--estimate", "--out", (directory_.path() / "out").string()});
  };
  const Outcome none = estimated("ssgd-mv,ssgd-mv-l8");
  EXPECT_EQ(none.code, Exit::usage);
  EXPECT_THAT(none.err, HasSubstr("phi_ad = 0.02: only scheme mv-ad adds"));
  EXPECT_EQ(estimated("ssgd-mv,ssgd-mv-ad").code, Exit::good);
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

}  // namespace
}  // namespace mvsgd::sim
