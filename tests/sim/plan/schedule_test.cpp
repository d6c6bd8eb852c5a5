// The schedule of section 4.2.
#include "sim/plan/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/plan/presets.hpp"
#include "sim/plan/round_shape.hpp"
#include "sim/plan/scheme.hpp"

namespace mvsgd::sim {
namespace {

std::size_t dense_rounds(const std::vector<Round>& rounds) {
  std::size_t n = 0;
  for (const Round& round : rounds) n += round.dense ? 1 : 0;
  return n;
}

TEST(Schedule, PapersEpochIs79StepsAndSmsIs782) {
  EXPECT_EQ(steps_per_epoch(preset("ssgd-mv").settings, 50'000), 79U);
  EXPECT_EQ(steps_per_epoch(preset("sm").settings, 50'000), 782U);
}

TEST(Schedule, PapersWarmUpIsFiveEpochsOfStairsFrom01To05) {
  const auto rounds = schedule(preset("ssgd-mv-l4").settings, 50'000);
  ASSERT_EQ(dense_rounds(rounds), 5U * 79);
  for (std::uint32_t epoch = 0; epoch < 5; ++epoch) {
    EXPECT_NEAR(rounds[epoch * 79].learning_rate, 0.1 * (epoch + 1), 1e-15);
    EXPECT_NEAR(rounds[epoch * 79 + 78].learning_rate, 0.1 * (epoch + 1), 1e-15);
    EXPECT_EQ(rounds[epoch * 79].steps, 1U);
  }
  EXPECT_FALSE(rounds[395].dense);
  EXPECT_EQ(rounds[395].steps, 4U);
}

TEST(Schedule, LeavesWorkersOutOfAllRoundsButThoseThatBeginWithNewVotes) {
  Settings settings = preset("ssgd-mv-l4").settings;
  settings.epochs = 10;
  settings.participation = 3;
  for (const Round& round : schedule(settings, 50'000)) {
    EXPECT_EQ(round.absent, round.t == 14 ? 0U : 7U) << round.t;  // 13 dense rounds
  }
  settings.phi_warmup = PhiWarmup::stairs;
  std::vector<std::uint32_t> whole;
  for (const Round& round : schedule(settings, 50'000)) {
    if (round.absent == 0) whole.push_back(round.t);
    EXPECT_EQ(round.absent == 0, round.first_sparse) << round.t;
  }
  EXPECT_THAT(whole, testing::ElementsAre(1, 4, 7, 9));  // 4^-4 is below phi
  settings.scheme = &scheme_named("dense");
  settings.phi_warmup = PhiWarmup::dense;
  for (const Round& round : schedule(settings, 50'000)) EXPECT_EQ(round.absent, 7U);
  for (const std::uint32_t all : {0U, 10U}) {
    settings.participation = all;
    for (const Round& round : schedule(settings, 50'000)) EXPECT_EQ(round.absent, 0U);
  }
}

TEST(Schedule, HasAsManyRoundsAsAreCounted) {
  Settings settings = preset("ssgd-mv-l4").settings;
  std::vector<std::uint64_t> counts;
  for (const char* scheme : {"mv", "dense"}) {
    settings.scheme = &scheme_named(scheme);
    for (const std::optional<std::uint32_t> warmup :
         {std::optional<std::uint32_t>(), {0}, {1}, {9}}) {
      settings.warmup_epochs = warmup;
      for (const std::uint32_t rounds : {0U, 5U, 1000U}) {
        settings.rounds = rounds;
        for (const std::uint32_t epochs : {1U, 3U}) {
          settings.epochs = epochs;
          counts.push_back(round_count(settings, 50'000));
          const std::vector<Round> all = schedule(settings, 50'000);
          EXPECT_EQ(all.size(), counts.back());
          if (rounds > 0) continue;
          EXPECT_EQ(all.back().first_step + all.back().steps, epochs * 79);
        }
      }
    }
  }
  EXPECT_THAT(counts, testing::IsSupersetOf({20U, 21U, 60U, 63U, 79U, 119U, 237U, 5U}));
}

TEST(Schedule, SmKeepsItsRateInWarmUp) {
  const auto rounds = schedule(preset("sm").settings, 50'000);
  EXPECT_EQ(rounds.front().learning_rate, 0.1);
  EXPECT_EQ(rounds[782 * 4].learning_rate, 0.1);
}

TEST(Schedule, TenEpochsOfL4Are13DenseAnd195SparseRounds) {
  Settings settings = preset("ssgd-mv-l4").settings;
  settings.epochs = 10;
  const auto rounds = schedule(settings, 50'000);
  EXPECT_EQ(dense_rounds(rounds), 13U);
  EXPECT_EQ(rounds.size(), 13U + 195);
  EXPECT_EQ(rounds.back().steps, 1U);  // 777 = 194 * 4 + 1
  EXPECT_EQ(rounds.back().first_step + rounds.back().steps, 790U);
}

TEST(Schedule, RateDecaysAtHalfAndThreeQuarters) {
  Settings settings = preset("ssgd-mv").settings;
  settings.epochs = 4;
  const auto rounds = schedule(settings, 64'000);  // 100 steps an epoch
  ASSERT_EQ(rounds.size(), 400U);
  EXPECT_NEAR(rounds[199].learning_rate, 0.5, 1e-15);
  EXPECT_NEAR(rounds[200].learning_rate, 0.05, 1e-15);
  EXPECT_NEAR(rounds[300].learning_rate, 0.005, 1e-15);
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    EXPECT_EQ(rounds[i].decay, i == 200 || i == 300 ? 0.1F : 1.0F) << i;
  }
}

/// 30 steps, 10 an epoch: a warm-up of one epoch, decays from steps 15 and 23 on.
Settings small_plan(std::uint32_t local_steps) {
  Settings settings;
  settings.workers = 10;
  settings.batch = 64;
  settings.local_steps = local_steps;
  settings.epochs = 3;
  settings.warmup_epochs = 1;
  settings.learning_rate = 0.5;
  return settings;
}
constexpr std::uint64_t kSmallImages = 6'400;

std::vector<double> rates(const Settings& settings) {
  std::vector<double> all;
  for (const Round& round : schedule(settings, kSmallImages)) all.push_back(round.learning_rate);
  return all;
}

testing::Matcher<std::vector<double>> are(const std::vector<double>& want) {
  return testing::Pointwise(testing::DoubleNear(1e-15), want);
}

TEST(Schedule, RatesOfStairsByHand) {
  // The first ten steps have stairs of two steps each; the other rounds begin at steps 10, 14, 18,
  // 22 and 26. A round has the rate of its first step, so the decays of steps 15 and 23 appear in
  // the rounds of steps 18 and 26.
  EXPECT_THAT(rates(small_plan(4)), are({0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5,  //
                                         0.5, 0.5, 0.05, 0.05, 0.005}));
}

TEST(Schedule, RatesOfTheRampByHand) {
  Settings settings = small_plan(4);
  settings.warmup = Warmup::ramp;
  EXPECT_THAT(rates(settings), are({0.1, 0.14, 0.18, 0.22, 0.26, 0.3, 0.34, 0.38, 0.42, 0.46,  //
                                    0.5, 0.5, 0.05, 0.05, 0.005}));
}

TEST(Schedule, RatesOfSingleStepsByHand) {
  Settings settings = small_plan(1);
  std::vector<double> want{0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5};
  want.insert(want.end(), 5, 0.5);   // to step 14
  want.insert(want.end(), 8, 0.05);  // to step 22
  want.insert(want.end(), 7, 0.005);
  EXPECT_THAT(rates(settings), are(want));
  settings.scheme = &scheme_named("dense");
  EXPECT_THAT(rates(settings), are(want));
}

TEST(Schedule, AWarmUpIntoADecayRisesAndFalls) {
  Settings settings = small_plan(4);
  settings.warmup_epochs = 2;  // 20 steps, four a stair
  settings.warmup = Warmup::ramp;
  const std::vector<double> all = rates(settings);
  ASSERT_EQ(all.size(), 20U + 3);
  EXPECT_NEAR(all[14], 0.1 + 0.4 * 14 / 20, 1e-15);
  EXPECT_NEAR(all[15], 0.1 * (0.1 + 0.4 * 15 / 20), 1e-15);
  EXPECT_NEAR(all[20], 0.05, 1e-15);
}

TEST(Schedule, ARateBelow01HasNoRise) {
  Settings settings = small_plan(4);
  settings.learning_rate = 0.05;
  for (const Warmup warmup : {Warmup::stairs, Warmup::ramp}) {
    settings.warmup = warmup;
    EXPECT_THAT(rates(settings), are({0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05,
                                      0.05, 0.05, 0.005, 0.005, 0.0005}));
  }
}

TEST(Schedule, TheErrorMemoryIsScaledWithTheRate) {
  std::vector<float> decays;
  for (const Round& round : schedule(small_plan(4), kSmallImages)) decays.push_back(round.decay);
  std::vector<float> want(15, 1.0F);
  want[12] = want[14] = 0.1F;
  EXPECT_EQ(decays, want);
}

TEST(Schedule, WarmUpHasSoManyEpochsOfDenseRoundsOfOneStep) {
  for (const std::uint32_t epochs : {0U, 1U, 2U, 3U, 4U}) {
    Settings settings = small_plan(8);
    settings.warmup_epochs = epochs;
    const auto rounds = schedule(settings, kSmallImages);
    const std::size_t want = std::min(epochs * 10U, 30U);
    EXPECT_EQ(dense_rounds(rounds), want);
    for (std::size_t i = 0; i < rounds.size(); ++i) {
      EXPECT_EQ(rounds[i].dense, i < want) << epochs << " epochs, round " << i + 1;
      if (i < want) {
        EXPECT_EQ(rounds[i].steps, 1U);
      }
    }
    if (want < 30) {
      EXPECT_EQ(rounds[want].steps, 8U) << epochs;
      EXPECT_TRUE(rounds[want].first_sparse) << epochs;
    }
  }
}

TEST(Schedule, StairsOfSparsityAreThoseOfDeepGradientCompression) {
  Settings settings = preset("ssgd-mv-l4").settings;
  settings.phi = Decimal(1, 3);
  settings.phi_warmup = PhiWarmup::stairs;
  const auto rounds = schedule(settings, 50'000);
  // Section 3.3 of Lin et al. (2018): sparsity 75 %, 93.75 %, 98.4375 %, 99.6 %, 99.9 %.
  const char* const shares[] = {"0.25", "0.0625", "0.015625", "0.00390625", "0.001"};
  Settings dense = settings;
  dense.phi_warmup = PhiWarmup::dense;
  const auto plain = schedule(dense, 50'000);
  ASSERT_EQ(rounds.size(), plain.size());
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    const std::size_t epoch =
        std::min<std::size_t>(i / 79, 5);  // a round of the first five is a step
    EXPECT_EQ(settings_in(settings, rounds[i]).phi.to_string(),
              epoch < 5 ? shares[epoch] : "0.001");
    EXPECT_FALSE(rounds[i].dense);
    EXPECT_EQ(rounds[i].first_sparse, i % 79 == 0 && i < 5 * 79) << i;
    EXPECT_EQ(rounds[i].steps, plain[i].steps);
    EXPECT_EQ(rounds[i].learning_rate, plain[i].learning_rate);
    EXPECT_EQ(rounds[i].evaluate, plain[i].evaluate);
  }
}

TEST(Schedule, StairsBelowPhiAreNoneAndShortWarmUpsPassSomeOver) {
  Settings settings = small_plan(4);
  settings.phi_warmup = PhiWarmup::stairs;
  const auto stairs = [&](std::uint32_t warmup_epochs) {
    settings.warmup_epochs = warmup_epochs;
    std::vector<std::uint32_t> all;
    for (const Round& round : schedule(settings, 1'280)) {  // 2 steps an epoch
      all.push_back(round.stair);
      EXPECT_FALSE(round.dense);
      EXPECT_EQ(settings_in(settings, round).phi,
                round.stair == 0 ? settings.phi : stair_share(round.stair));
    }
    return all;
  };
  settings.epochs = 5;
  settings.phi = Decimal(1, 2);  // 4^-4 is below it
  EXPECT_EQ(stairs(5), (std::vector<std::uint32_t>{1, 1, 2, 2, 3, 3, 0, 0, 0, 0}));
  EXPECT_EQ(stairs(1), (std::vector<std::uint32_t>{1, 3, 0, 0}));
  settings.phi = Decimal(625, 4);  // it is 4^-2
  EXPECT_EQ(stairs(5), (std::vector<std::uint32_t>{1, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
  settings.phi = Decimal(1, 0);
  EXPECT_EQ(stairs(1), (std::vector<std::uint32_t>{0, 0, 0, 0}));
  settings.scheme = &scheme_named("dense");
  for (const Round& round : schedule(settings, 1'280)) {
    EXPECT_TRUE(round.dense);
    EXPECT_EQ(round.stair, 0U);
  }
}

TEST(Schedule, SharesOfStairsAreExact) {
  EXPECT_EQ(stair_share(0), Decimal(1, 0));
  std::uint64_t d = 1;
  for (std::uint32_t stair = 1; stair <= 9; ++stair) {
    d *= 4;
    EXPECT_EQ(stair_share(stair).ceil_times(d), 1U);
    EXPECT_EQ(stair_share(stair).ceil_times(d + 1), 2U);
    EXPECT_EQ(stair_share(stair).rounded_reciprocal(), d);
  }
}

TEST(Schedule, HCountsAcrossEpochEnds) {
  Settings settings = preset("ssgd-mv-l8").settings;
  settings.epochs = 3;
  settings.warmup_epochs = 0;
  const auto rounds = schedule(settings, 50'000);
  std::uint64_t step = 0;
  for (const Round& round : rounds) {
    EXPECT_EQ(round.first_step, step);
    step += round.steps;
  }
  EXPECT_EQ(step, 3U * 79);
  EXPECT_EQ(rounds[9].first_step, 72U);  // 72..79, so the tenth round crosses the epoch's end
  EXPECT_TRUE(rounds[9].evaluate);
}

/// Whether the workers send whole votes in a round.
bool has_full_vote(const Settings& settings, const Round& round) {
  const RoundShape shape = round_shape(settings, dimensions(settings, 1'000, 10), round);
  return std::ranges::count(shape, comm::Kind::vote, &MessageShape::kind) == 1;
}

TEST(Schedule, EveryVoteIsFullButAdsAfterItsFirst) {
  for (const char* name :
       {"ssgd-mv-l4", "ssgd-mv-rs-l4", "top-k", "ssgd-mv-ad", "ssgd-mv-ad-l8-q"}) {
    for (const std::uint32_t warmup : {0U, 1U}) {
      Settings settings = preset(name).settings;
      settings.epochs = 3;
      settings.warmup_epochs = warmup;
      bool first = true;
      for (const Round& round : schedule(settings, 6'400)) {  // 10 steps an epoch
        const bool full = !round.dense && (settings.scheme->name() != "mv-ad" || first);
        EXPECT_EQ(round.first_sparse, !round.dense && first) << name << ", round " << round.t;
        EXPECT_EQ(has_full_vote(settings, round), full) << name << ", round " << round.t;
        if (!round.dense) first = false;
      }
      EXPECT_FALSE(first) << name;
    }
  }
}

TEST(Schedule, DenseRoundsHaveNoVote) {
  for (const char* name : {"sm", "dense"}) {
    Settings settings = preset(name).settings;
    settings.epochs = 2;
    for (const Round& round : schedule(settings, 6'400)) {
      EXPECT_FALSE(has_full_vote(settings, round)) << name;
      EXPECT_FALSE(round.first_sparse) << name;
    }
  }
}

TEST(Schedule, StopsEarlyAndEvaluatesThen) {
  Settings settings = preset("ssgd-mv").settings;
  settings.rounds = 3;
  settings.warmup_epochs = 0;
  const auto rounds = schedule(settings, 50'000);
  ASSERT_EQ(rounds.size(), 3U);
  EXPECT_FALSE(rounds[0].dense);
  EXPECT_TRUE(rounds[2].evaluate);
}

TEST(Schedule, EvaluatesEverySoManyEpochsAndAtTheEnd) {
  Settings settings = preset("dense").settings;
  settings.epochs = 5;
  settings.eval_every = 2;
  std::vector<double> epochs;
  for (const Round& round : schedule(settings, 6'400)) {
    if (round.evaluate) epochs.push_back(round.epoch);
  }
  EXPECT_EQ(epochs, (std::vector<double>{2, 4, 5}));
}

}  // namespace
}  // namespace mvsgd::sim
