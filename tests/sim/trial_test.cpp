// Whole trials on the embedded images.
#include "sim/trial.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/synthetic.hpp"
#include "sim/audit.hpp"
#include "sim/presets.hpp"

namespace mvsgd::sim {
namespace {

const data::TrainTest& images() {
  static const data::TrainTest all = data::synthesize({.train = 160, .test = 40});
  return all;
}

/// One dense round, then three sparse ones, the last of which is short.
Settings short_run(const char* backend) {
  Settings settings = preset("ssgd-mv-l4").settings;
  settings.backend = backend;
  settings.width = 2;
  settings.workers = 2;
  settings.batch = 8;
  settings.epochs = 1;  // 10 steps
  settings.warmup_epochs.reset();
  settings.slots = 2;
  return settings;
}

TEST(Trial, ReferenceDigestIsTheGoldenOne) {
  // On every machine: fixed order, no contraction, no libm. If it changes, find out why first.
  EXPECT_EQ(run_trial(short_run("reference"), images(), {}).digest,
            "702a20a39319ed667f01b971536dfd526944dbb54909b2d6b0bcd6a1102584eb");
}

TEST(Trial, CrossesFromDenseWarmUpToSparseRounds) {
  const TrialResult result = run_trial(short_run("reference"), images(), {});
  EXPECT_EQ(result.account.dense_rounds(), 1U);
  EXPECT_EQ(result.account.sparse_rounds(), 3U);  // 9 steps: 4 + 4 + 1
}

TEST(Trial, RunTwiceGivesTheSameBits) {
  const auto first = run_trial(short_run("reference"), images(), {});
  Settings settings = short_run("reference");
  settings.slots = 1;
  const auto second = run_trial(settings, images(), {});
  EXPECT_EQ(first.theta, second.theta);
  EXPECT_EQ(first.evaluation.loss, second.evaluation.loss);
  EXPECT_EQ(first.evaluation.accuracy, second.evaluation.accuracy);
}

TEST(Trial, EverySchemeAndEvaluationRuns) {
  for (const char* name : {"sm", "dense", "ssgd-mv"}) {
    for (const auto bn_eval : {BatchNormEvaluation::average, BatchNormEvaluation::recompute,
                               BatchNormEvaluation::batch}) {
      Settings settings = preset(name).settings;
      settings.backend = "reference";
      settings.width = 2;
      settings.workers = settings.scheme == Scheme::sm ? 1 : 2;
      settings.batch = 8;
      settings.overrides.bn_eval = bn_eval;
      settings.rounds = 3;
      settings.slots = 1;
      std::size_t rounds = 0;
      TrialSinks sinks;
      sinks.on_round = [&](const TrialRound& round) { rounds = round.record.round.t; };
      const TrialResult result = run_trial(settings, images(), sinks);
      EXPECT_EQ(rounds, 3U) << name;
      EXPECT_GT(result.evaluation.loss, 0) << name;
      EXPECT_LE(result.evaluation.accuracy, 1) << name;
    }
  }
}

TEST(Trial, SmIsPlainSgdAndLearns) {
  Settings settings = preset("sm").settings;
  settings.backend = "reference";
  settings.width = 2;
  settings.batch = 16;
  settings.epochs = 4;
  settings.augment = false;
  double first = 0;
  double last = 0;
  TrialSinks sinks;
  sinks.on_round = [&](const TrialRound& round) {
    if (round.record.round.t == 0) return;
    (round.record.round.t <= 10 ? first : last) += round.report.loss;
    if (round.record.round.t > 10 && round.record.round.t <= 30) last = 0;  // the last ten of 40
  };
  (void)run_trial(settings, images(), sinks);
  EXPECT_LT(last, 0.95 * first);
}

TEST(Trial, DivergenceNamesRoundAndWorker) {
  Settings settings = short_run("reference");
  settings.learning_rate = 1e6;
  settings.warmup_epochs = 0;
  try {
    (void)run_trial(settings, images(), {});
    FAIL() << "nothing was thrown";
  } catch (const NonFiniteError& e) {
    EXPECT_THAT(e.what(), testing::ContainsRegex("round [0-9]+, worker [0-9]+: "));
  }
}

TEST(Trial, ALawThatDiffersEndsTheRun) {
  LawConstants law;
  law.block_end_bits = 2;
  EXPECT_THROW((void)run_trial(short_run("reference"), images(), {}, law), CheckFailed);
}

TEST(Trial, MoreWorkersThanImagesAreRefused) {
  Settings settings = short_run("reference");
  settings.workers = 161;
  EXPECT_THROW((void)run_trial(settings, images(), {}), UsageError);
}

}  // namespace
}  // namespace mvsgd::sim
