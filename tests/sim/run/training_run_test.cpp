// A run in its directory as a function call, without a command line.
#include "sim/run/training_run.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <new>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/files/input_error.hpp"
#include "sim/run/run_history.hpp"
#include "sim/train/images.hpp"
#include "sim/verify/verify.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

class TrainingRun : public testing::Test {
 protected:
  Settings settings_ = small_settings("ssgd-mv-l2");
  TestDirectory directory_;
  fs::path path_ = directory_.path() / "run";
};

// Though there was enough when it began.
TEST_F(TrainingRun, WhoseMemoryRunsOutSaysAfterWhichRoundAndWhatItNeeds) {
  TrainingSinks sinks;
  sinks.on_round = [](const RoundRecord& record, double /*seconds*/) {
    if (record.round.t == 3) throw std::bad_alloc();
  };
  try {
    (void)train_in(path_, settings_, {}, sinks);
    FAIL() << "it has ended";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), testing::AllOf(testing::HasSubstr("memory ran out after round 2 of "),
                                         testing::HasSubstr("this run needs about "),
                                         testing::HasSubstr(": 2 workers of ")));
  }
}

TEST_F(TrainingRun, EndsAsTheTrialAlone) {
  const TrialResult alone = run_trial(settings_, load_images(settings_), {});
  std::size_t starts = 0;
  std::vector<std::uint32_t> rounds;
  double last = 0;
  TrainingSinks sinks;
  sinks.on_start = [&](const TrainingStart& start) {
    ++starts;
    EXPECT_EQ(start.images.train.size(), settings_.synthetic_train);
    EXPECT_EQ(start.state.group.t, 0U);
    EXPECT_TRUE(fs::exists(path_ / "config.toml"));
  };
  sinks.on_round = [&](const RoundRecord& record, double seconds) {
    rounds.push_back(record.round.t);
    EXPECT_GE(seconds, last);
    last = seconds;
  };
  const TrainingEnd end = train_in(path_, settings_, {}, sinks);
  EXPECT_TRUE(end.result.finished);
  EXPECT_EQ(end.result.digest, alone.digest);
  EXPECT_EQ(starts, 1U);
  ASSERT_EQ(rounds.size(), end.rounds + 1);
  for (std::uint32_t t = 0; t < rounds.size(); ++t) EXPECT_EQ(rounds[t], t);
  EXPECT_EQ(end.t, end.rounds);
  EXPECT_EQ(end.steps_per_epoch, 4U);  // 64 images, two workers with batches of eight
  EXPECT_GE(end.seconds, last);
  EXPECT_EQ(read_run_history(path_).end.value().digest, alone.digest);
}

TEST_F(TrainingRun, WithNobodyWatchingIsTheSame) {
  const TrainingEnd end = train_in(path_, settings_, {}, {});
  EXPECT_EQ(end.result.digest, run_trial(settings_, load_images(settings_), {}).digest);
}

TEST_F(TrainingRun, StopsBetweenRoundsWhenItIsInterruptedAndGoesOn) {
  std::uint32_t done = 0;
  TrainingSinks sinks;
  sinks.on_round = [&](const RoundRecord& record, double) { done = record.round.t; };
  sinks.interrupted = [&] { return done >= 2; };
  const TrainingEnd first = train_in(path_, settings_, {}, sinks);
  EXPECT_FALSE(first.result.finished);
  // When a round is reported, the next one may have begun.
  EXPECT_GE(first.t, 2U);
  EXPECT_LT(first.t, first.rounds);
  EXPECT_EQ(first.t, done);
  EXPECT_TRUE(fs::exists(path_ / "checkpoint" / ("round-0000000" + std::to_string(first.t))));
  EXPECT_FALSE(fs::exists(path_ / "model.safetensors"));

  EXPECT_THROW((void)train_in(path_, settings_, {}, {}), InputError);  // the directory is not empty
  sinks.interrupted = {};
  sinks.on_start = [&](const TrainingStart& start) { EXPECT_EQ(start.state.group.t, first.t); };
  const TrainingEnd second = train_in(path_, settings_, {.resume = true}, sinks);
  EXPECT_TRUE(second.result.finished);
  EXPECT_EQ(second.result.digest, run_trial(settings_, load_images(settings_), {}).digest);
  EXPECT_GE(second.seconds, first.seconds);
}

TEST_F(TrainingRun, ThatGoesOnKeepsTheModelOfItsEndUntilItEndsAgain) {
  settings_.rounds = 2;
  ASSERT_TRUE(train_in(path_, settings_, {}, {}).result.finished);
  const std::string model = text_of(path_ / "model.safetensors");
  settings_.rounds = 4;
  std::uint32_t done = 0;
  TrainingSinks sinks;
  sinks.on_round = [&](const RoundRecord& record, double) {
    done = record.round.t;
    EXPECT_EQ(text_of(path_ / "model.safetensors"), model) << done;
    const Verification verification = verify_run(path_, {});
    EXPECT_TRUE(verification.holds());
    for (const Check& check : verification.checks) {
      EXPECT_FALSE(check.subject.ends_with("model.safetensors")) << done;
    }
  };
  ASSERT_TRUE(train_in(path_, settings_, {.resume = true}, sinks).result.finished);
  EXPECT_EQ(done, 4U);
  EXPECT_NE(text_of(path_ / "model.safetensors"), model);
  EXPECT_TRUE(verify_run(path_, {}).holds());
}

// Interrupts at many moments: within a round, between two, before the first. The settings determine
// how often the run asks.
// No checkpoint is saved before the first round, which is also its last.
TEST_F(TrainingRun, OfOneRoundGoesOnToMoreAndNotToAsMany) {
  settings_.rounds = 1;
  (void)train_in(path_, settings_, {}, {});
  EXPECT_TRUE(fs::is_empty(path_ / "checkpoint"));
  EXPECT_THROW((void)train_in(path_, settings_, {.resume = true}, {}), InputError);
  EXPECT_TRUE(verify_run(path_, {}).holds());
  settings_.rounds = 4;
  const TrainingEnd end = train_in(path_, settings_, {.resume = true}, {});
  EXPECT_EQ(end.result.digest, run_trial(settings_, load_images(settings_), {}).digest);
  EXPECT_EQ(read_run_history(path_).last_round(), 4U);
  EXPECT_TRUE(verify_run(path_, {}).holds());
}

TEST_F(TrainingRun, GivesTheRoundUpWhenItIsInterruptedAndDoesItAgainToTheSameFiles) {
  struct Case {
    const char* preset;
    std::uint32_t participation = 0;
    AggregatedBy aggregate = AggregatedBy::server;
  };
  for (const Case& of :
       {Case{"sm"}, Case{"dense"}, Case{"ssgd-mv-ad-l2"}, Case{"top-k"}, Case{"ssgd-mv-ad-l2", 1},
        Case{"dense", 0, AggregatedBy::reduce}, Case{"ssgd-mv-ad-l2", 0, AggregatedBy::reduce}}) {
    SCOPED_TRACE(fmt::format("{} {}", of.preset, of.participation));
    settings_ = small_settings(of.preset);
    settings_.participation = of.participation;
    settings_.aggregate = of.aggregate;
    const fs::path whole = directory_.path() / "whole";
    const std::string digest = train_in(whole, settings_, {}, {}).result.digest;
    std::set<std::uint32_t> stopped_at;
    for (int questions = 0;; questions += 197) {
      std::atomic<int> asked = 0;
      std::uint32_t done = 0;
      TrainingSinks sinks;
      sinks.on_round = [&](const RoundRecord& record, double) { done = record.round.t; };
      sinks.interrupted = [&] { return ++asked > questions; };
      TrainingEnd end = train_in(path_, settings_, {}, sinks);
      if (end.result.finished) break;
      EXPECT_EQ(end.t, done);
      stopped_at.insert(end.t);
      EXPECT_EQ(fs::exists(path_ / "checkpoint" / fmt::format("round-{:08}", end.t)), end.t > 0);
      end = train_in(path_, settings_, {.resume = true}, {});
      ASSERT_TRUE(end.result.finished);
      EXPECT_EQ(end.result.digest, digest) << "after " << questions << " questions";
      EXPECT_EQ(text_of(path_ / "ledger.csv"), text_of(whole / "ledger.csv"));
      fs::remove_all(path_);
    }
    EXPECT_TRUE(stopped_at.contains(0));
    EXPECT_GE(stopped_at.size(), 3U);
    fs::remove_all(path_);
    fs::remove_all(whole);
  }
}

TEST_F(TrainingRun, AsksWhetherItIsInterruptedBeforeItMakesADirectory) {
  const fs::path dump = directory_.path() / "dump";
  std::atomic<int> asked = 0;
  TrainingSinks sinks;
  sinks.interrupted = [&] {
    if (asked++ == 0) {
      EXPECT_FALSE(fs::exists(path_));
      EXPECT_FALSE(fs::exists(dump));
    }
    return false;
  };
  EXPECT_TRUE(
      train_in(path_, settings_, {.dump = DumpOptions{.directory = dump, .rounds = {1}}}, sinks)
          .result.finished);
  EXPECT_TRUE(fs::exists(path_));
  EXPECT_TRUE(fs::exists(dump));
  EXPECT_GT(asked, 1);
}

/// metrics.jsonl but for times, and for digests of files with times.
std::string timeless(const fs::path& path) {
  std::istringstream lines(text_of(path / "metrics.jsonl"));
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    kept += line.substr(0, std::min(line.find(",\"seconds\":"), line.find(",\"files\":"))) + '\n';
  }
  return kept;
}

bool has_evaluation_due(const fs::path& path, std::uint32_t t) {
  const auto progress = path / "checkpoint" / fmt::format("round-{:08}", t) / "progress.json";
  return text_of(progress).find("\"evaluation_due\"") != std::string::npos;
}

// At many moments of a run that evaluates for most of its time. The resumed run begins with what
// is due, and may be interrupted in that again.
TEST_F(TrainingRun, GivesAnEvaluationUpWhenItIsInterruptedAndDoesItFirstWhenItGoesOn) {
  struct Case {
    const char* preset;
    BatchNormEvaluation bn_eval;
    std::uint32_t checkpoint_every;
    std::uint32_t participation = 0;
  };
  for (const Case& of : {Case{"sm", BatchNormEvaluation::average, 0},
                         Case{"ssgd-mv-ad-l2", BatchNormEvaluation::average, 0, 1},
                         Case{"ssgd-mv-ad-l2", BatchNormEvaluation::average, 0},
                         Case{"ssgd-mv-ad-l2", BatchNormEvaluation::recompute, 1},
                         Case{"top-k", BatchNormEvaluation::batch, 0}}) {
    SCOPED_TRACE(fmt::format("{} {}", of.preset, static_cast<int>(of.bn_eval)));
    settings_ = small_settings(of.preset);
    settings_.backend = "lanes";
    settings_.epochs = 3;
    settings_.synthetic_test = 136;
    settings_.checkpoint_every = {.rounds = of.checkpoint_every, .minutes = 0};
    settings_.overrides.bn_eval = of.bn_eval;
    settings_.participation = of.participation;
    settings_.worker_metrics = settings_.scheme->sends();
    const fs::path whole = directory_.path() / "whole";
    std::atomic<int> asked = 0;
    TrainingSinks sinks;
    sinks.interrupted = [&] { return ++asked < 0; };
    ASSERT_TRUE(train_in(whole, settings_, {}, sinks).result.finished);
    ASSERT_EQ(text_of(whole / kWorkerMetrics).empty(), !settings_.worker_metrics);
    const int all = asked;
    std::set<std::uint32_t> due;
    std::size_t last = 0;  // times that the last evaluation was given up
    // Which moments are in an evaluation depends on threads: until some have been.
    constexpr int kParts = 24;
    for (int i = 0; i < kParts || (i < 5 * kParts && (due.empty() || last == 0)); ++i) {
      const int part = 1 + i % kParts;
      const bool near_the_end = part == kParts || (i > kParts && i % 2 == 0);
      const int questions = near_the_end ? all - 5 - 11 * (i % 13) : all * part / kParts;
      asked = 0;
      sinks.interrupted = [&] { return ++asked > questions; };
      TrainingEnd end = train_in(path_, settings_, {}, sinks);
      if (!end.result.finished && end.t > 0 && has_evaluation_due(path_, end.t)) {
        due.insert(end.t);
        asked = 0;
        sinks.interrupted = [&] { return ++asked > 7; };
        end = train_in(path_, settings_, {.resume = true}, sinks);
        EXPECT_FALSE(end.result.finished);
        EXPECT_TRUE(has_evaluation_due(path_, end.t));
      }
      last += !end.result.finished && end.t + 1 == end.rounds ? 1 : 0;
      std::size_t evaluations = 0;
      TrainingSinks resumed;
      resumed.on_evaluation = [&](const Round& round, const Evaluation& evaluation) {
        ++evaluations;
        EXPECT_EQ(round.t, end.t);
        EXPECT_GT(evaluation.loss, 0);
      };
      if (!end.result.finished) {
        const bool is_due = end.t > 0 && has_evaluation_due(path_, end.t);
        ASSERT_TRUE(train_in(path_, settings_, {.resume = true}, resumed).result.finished);
        EXPECT_EQ(evaluations, is_due ? 1U : 0U);
      }
      EXPECT_EQ(text_of(path_ / "ledger.csv"), text_of(whole / "ledger.csv"));
      EXPECT_EQ(timeless(path_), timeless(whole)) << "after " << questions << " questions";
      EXPECT_EQ(text_of(path_ / "model.safetensors"), text_of(whole / "model.safetensors"));
      EXPECT_EQ(text_of(path_ / kWorkerMetrics), text_of(whole / kWorkerMetrics));
      fs::remove_all(path_);
    }
    EXPECT_FALSE(due.empty());
    EXPECT_GT(last, 0U);
    fs::remove_all(whole);
  }
}

/// Writes CIFAR-10's six files, with the labels 0 to 9 in turn and all pixels at one level.
void write_cifar10(const fs::path& directory, char level) {
  fs::create_directories(directory);
  std::string records;
  for (int i = 0; i < 10'000; ++i) {
    records += static_cast<char>(i % 10);
    records.append(3072, level);
  }
  for (const char* name : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                           "data_batch_5", "test_batch"}) {
    std::ofstream(directory / fmt::format("{}.bin", name), std::ios::binary) << records;
  }
}

TEST_F(TrainingRun, GoesOnWithTheSameImagesWhereverTheyAreAndWithNoOthers) {
  const fs::path first = directory_.path() / "first";
  const fs::path second = directory_.path() / "second";
  write_cifar10(first, 'a');
  settings_ = small_settings("ssgd-mv");
  settings_.backend = "lanes";
  settings_.rounds = 3;
  settings_.data = fs::relative(first).string();
  TrainingSinks sinks;
  std::uint32_t done = 0;
  sinks.on_round = [&](const RoundRecord& record, double) { done = record.round.t; };
  sinks.interrupted = [&] { return done >= 1; };
  ASSERT_FALSE(train_in(path_, settings_, {}, sinks).result.finished);
  EXPECT_THAT(text_of(path_ / "config.toml"), testing::HasSubstr("data = \"" + first.string()));

  fs::rename(first, second);
  settings_.data = second.string();
  std::ofstream(second / "test_batch.bin", std::ios::in | std::ios::binary) << '\1';
  try {
    (void)train_in(path_, settings_, {.resume = true}, {});
    FAIL() << "an image has another label";
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("second: other images than those of the run"));
  }
  std::ofstream(second / "test_batch.bin", std::ios::in | std::ios::binary) << '\0';
  EXPECT_TRUE(train_in(path_, settings_, {.resume = true}, {}).result.finished);
  EXPECT_THAT(text_of(path_ / "config.toml"), testing::HasSubstr("data = \"" + second.string()));
}

TEST_F(TrainingRun, WarnsOfRoundsThatItDoesNotDump) {
  std::vector<std::string> warnings;
  TrainingSinks sinks;
  sinks.warn = [&](std::string_view text) { warnings.emplace_back(text); };
  const fs::path wire = directory_.path() / "wire";
  const TrainingEnd end = train_in(
      path_, settings_, {.dump = DumpOptions{.directory = wire, .rounds = {1, 99}}}, sinks);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0], "--dump-rounds 99: nothing to dump, this run does rounds 0 to " +
                             std::to_string(end.rounds));
  EXPECT_FALSE(fs::is_empty(wire));
}

TEST_F(TrainingRun, TheSplitChangesWhatIsTrained) {
  const TrainingEnd random = train_in(path_, settings_, {}, {});
  settings_.split = Split::stratified;
  const TrainingEnd stratified = train_in(path_.string() + "-2", settings_, {}, {});
  EXPECT_NE(stratified.result.digest, random.result.digest);
}

}  // namespace
}  // namespace mvsgd::sim
