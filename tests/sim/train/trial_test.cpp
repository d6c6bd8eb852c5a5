// Whole trials on the embedded images.
#include "sim/train/trial.hpp"
#include "sim/plan/scheme.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "data/synthetic.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"

namespace mvsgd::sim {
namespace {

const data::TrainTest& images() {
  static const data::TrainTest all = data::synthesize({.train = 160, .test = 40});
  return all;
}

/// One dense round, then three sparse ones, the last of which is short.
Settings short_run(const char* backend, const char* name = "ssgd-mv-l4") {
  Settings settings = preset(name).settings;
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
  // The same on every machine: fixed order, no contraction, no libm. If it changes, find out why
  // first.
  EXPECT_EQ(run_trial(short_run("reference"), images(), {}).digest,
            "702a20a39319ed667f01b971536dfd526944dbb54909b2d6b0bcd6a1102584eb");
}

TEST(Trial, ReferenceDigestOfAdWithQuantisedValuesIsTheGoldenOne) {
  EXPECT_EQ(run_trial(short_run("reference", "ssgd-mv-ad-l4-q"), images(), {}).digest,
            "27d212d09a123215cdcb40345eb7189cddaad0bdd4a94b28d07144201c1ee097");
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

/// Four sparse rounds of four workers.
Settings sparse_run(const char* name) {
  Settings settings = short_run("reference", name);
  settings.workers = 4;
  settings.batch = 2;
  settings.epochs = 2;
  settings.rounds = 4;
  settings.warmup_epochs = 0;
  settings.eval_every = 2;
  // Of so narrow a network nearly all tensors are smaller than a preset's dense_below.
  settings.dense_below = std::min(settings.dense_below, 10U);
  return settings;
}

std::vector<std::string> sparse_presets() {
  std::vector<std::string> names;
  for (const Preset& p : presets()) {
    if (p.settings.scheme->sparse() != nullptr && !p.name.starts_with("demo"))
      names.push_back(p.name);
  }
  return names;
}

class TrialOfPreset : public testing::TestWithParam<std::string> {};

TEST_P(TrialOfPreset, TrainsWithinTheLawWhateverTheSlots) {
  Settings settings = sparse_run(GetParam().c_str());
  settings.slots = 3;
  std::uint32_t rounds = 0;
  std::uint32_t overlaps = 0;
  TrialSinks sinks;
  sinks.on_round = [&](const RoundRecord& record) {
    rounds = record.round.t;
    overlaps += record.report.overlaps;
  };
  // The trial compares every row of every round with the law.
  const TrialResult result = run_trial(settings, images(), sinks);
  EXPECT_EQ(rounds, 4U);
  EXPECT_EQ(result.account.sparse_rounds(), 4U);
  // Each vote with the one before it, if there are votes.
  EXPECT_EQ(overlaps, settings.scheme->name() == "rand-k" ? 0U : 4U * 3);
  const Rates rates = result.account.rates();
  ASSERT_TRUE(rates.uplink && rates.both_ways && rates.run_uplink && rates.run_both_ways);
  EXPECT_GT(*rates.uplink, 50 * settings.local_steps);
  EXPECT_GE(*rates.uplink, *rates.both_ways);
  EXPECT_GT(*rates.uplink, *rates.run_uplink);

  settings.slots = 1;
  EXPECT_EQ(run_trial(settings, images(), {}).digest, result.digest);
}

INSTANTIATE_TEST_SUITE_P(Each, TrialOfPreset, testing::ValuesIn(sparse_presets()),
                         [](const testing::TestParamInfo<std::string>& preset_name) {
                           std::string name = preset_name.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Trial, NoTwoPresetsTrainAlikeButThoseInFewerBits) {
  std::set<std::string> digests;
  for (const std::string& name : sparse_presets()) {
    Settings settings = sparse_run(name.c_str());
    settings.workers = 2;
    settings.rounds = 2;  // AD's first vote is MV's; its second one differs
    const bool is_new = digests.insert(run_trial(settings, images(), {}).digest).second;
    EXPECT_EQ(is_new, !name.ends_with("-min")) << name;
  }
  EXPECT_GE(digests.size(), 23U);
}

TEST(Trial, TheAuthorsPracticeTrainsOtherwiseThanTheText) {
  for (const char* name : {"ssgd-mv-l4", "ssgd-mv-ad", "top-k"}) {
    Settings settings = sparse_run(name);
    const TrialResult text = run_trial(settings, images(), {});
    set(settings, "practice", "authors");
    const TrialResult authors = run_trial(settings, images(), {});
    EXPECT_NE(authors.digest, text.digest) << name;
    // With the authors' practice no buffers are sent.
    EXPECT_LT(authors.account.total(comm::Direction::up), text.account.total(comm::Direction::up));
  }
}

TEST(Trial, KeepingVotesChangesNoBit) {
  Settings settings = sparse_run("ssgd-mv-ad-l2");
  const TrialResult unchecked = run_trial(settings, images(), {});
  settings.check_votes = true;
  EXPECT_EQ(run_trial(settings, images(), {}).digest, unchecked.digest);
}

TEST(Trial, GoesOnFromAStateToTheSameEnd) {
  for (const char* name : {"sm", "ssgd-mv-ad-l2", "top-k"}) {
    Settings settings = short_run("reference", name);
    if (settings.scheme->name() == "sm") settings.workers = 1;
    settings.rounds = 6;
    const TrialResult whole = run_trial(settings, images(), {});
    EXPECT_TRUE(whole.finished);

    std::optional<TrialState> kept;
    TrialSinks sinks;
    sinks.pause_after = [](const Round& round) { return round.t == 3; };
    sinks.on_pause = [&](const TrialState& state) {
      kept = state;
      return false;
    };
    const TrialResult half = run_trial(settings, images(), sinks);
    EXPECT_FALSE(half.finished);
    EXPECT_NE(half.digest, whole.digest);
    ASSERT_EQ(kept->group.t, 3U);

    settings.slots = 1;
    std::vector<std::uint32_t> closed;
    sinks = {};
    sinks.on_round = [&](const RoundRecord& record) { closed.push_back(record.round.t); };
    const TrialResult rest = run_trial(settings, images(), sinks, {}, std::move(kept));
    EXPECT_EQ(closed, (std::vector<std::uint32_t>{4, 5, 6})) << name;
    EXPECT_EQ(rest.theta, whole.theta) << name;
    EXPECT_EQ(rest.statistics, whole.statistics);
    EXPECT_EQ(rest.steps, whole.steps);
    EXPECT_EQ(rest.evaluation.loss, whole.evaluation.loss);
    EXPECT_EQ(rest.account.total(comm::Direction::up), whole.account.total(comm::Direction::up));
    EXPECT_EQ(rest.account.rates().run_both_ways, whole.account.rates().run_both_ways);
  }
}

TEST(Trial, ItsStatisticsAreThoseOfTheEvaluation) {
  Settings settings = short_run("reference");
  const std::vector<float> average = run_trial(settings, images(), {}).statistics;
  set(settings, "bn_eval", "recompute");
  const std::vector<float> recomputed = run_trial(settings, images(), {}).statistics;
  EXPECT_NE(recomputed, average);
  // With `batch` nothing is sent and nothing is used, but the mean of the workers' is still there.
  set(settings, "bn_eval", "batch");
  EXPECT_EQ(run_trial(settings, images(), {}).statistics, average);
}

TEST(Trial, ABlockOfSignsHasItsScale) {
  Settings settings = sparse_run("ssgd-mv-l2");
  settings.value_bits = 1;
  settings.quantizer = "scaled-sign";
  const TrialResult whole = run_trial(settings, images(), {});
  settings.quantizer_block = 16;
  const TrialResult blocks = run_trial(settings, images(), {});
  EXPECT_NE(blocks.digest, whole.digest);
  const auto scales = [](const TrialResult& result) {
    return result.account.sparse_round(comm::Direction::up)[comm::Field::level_means];
  };
  EXPECT_EQ(scales(whole), comm::Bits(32));
  EXPECT_EQ(scales(blocks), comm::Bits(32 * 8));  // d = 11,420: K = 115
}

TEST(Trial, EverySchemeAndEvaluationRuns) {
  for (const char* name : {"sm", "dense", "ssgd-mv"}) {
    for (const auto bn_eval : {BatchNormEvaluation::average, BatchNormEvaluation::recompute,
                               BatchNormEvaluation::batch}) {
      Settings settings = preset(name).settings;
      settings.backend = "reference";
      settings.width = 2;
      settings.workers = settings.scheme->name() == "sm" ? 1 : 2;
      settings.batch = 8;
      settings.overrides.bn_eval = bn_eval;
      settings.rounds = 3;
      settings.slots = 1;
      std::size_t rounds = 0;
      TrialSinks sinks;
      sinks.on_round = [&](const RoundRecord& record) { rounds = record.round.t; };
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
  sinks.on_round = [&](const RoundRecord& record) {
    const std::uint32_t t = record.round.t;
    if (t == 0) return;
    (t <= 10 ? first : last) += record.report.loss;
    if (t > 10 && t <= 30) last = 0;  // the last ten of 40
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
