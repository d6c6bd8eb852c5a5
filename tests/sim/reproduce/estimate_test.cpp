// The forecast computes from a measured speed: whole waves of workers, and every evaluation.
#include "sim/reproduce/estimate.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "sim/plan/presets.hpp"
#include "sim/reproduce/sweep.hpp"

namespace mvsgd::sim {
namespace {

/// 100 steps, first 20 of warm-up, then in rounds of 4; an evaluation every 10 steps; 8 workers.
Settings settings_of_100_steps() {
  Settings settings = preset("ssgd-mv-l4").settings;
  settings.workers = 8;
  settings.batch = 5;
  settings.synthetic_train = 400;  // an epoch is 10 steps
  settings.synthetic_test = 300;
  settings.epochs = 10;
  settings.warmup_epochs = 2;
  settings.eval_every = 1;
  settings.slots = 4;
  return settings;
}

TEST(Estimate, IsAWaveForAsManyWorkersAsComputeAtOnceAndAnImageForEachThatIsEvaluated) {
  std::vector<std::uint32_t> measured;
  Estimate estimate([&](const Settings& /*settings*/, std::uint32_t slots) {
    measured.push_back(slots);
    return Speed{.wave = 3, .image = 0.25};
  });
  Settings settings = settings_of_100_steps();
  // 8 workers on 4 slots take two waves a step. There are ten evaluations.
  EXPECT_DOUBLE_EQ(estimate.seconds(settings), 100 * 2 * 3 + 10 * 300 * 0.25);
  settings.epochs = 20;
  EXPECT_DOUBLE_EQ(estimate.seconds(settings), 200 * 2 * 3 + 20 * 300 * 0.25);
  EXPECT_EQ(measured, (std::vector<std::uint32_t>{4})) << "the same size twice";
  // With more slots than workers, all compute at once.
  settings.slots = 16;
  EXPECT_DOUBLE_EQ(estimate.seconds(settings), 200 * 3 + 20 * 300 * 0.25);
  settings.width = 32;
  (void)estimate.seconds(settings);
  EXPECT_EQ(measured, (std::vector<std::uint32_t>{4, 8, 8}));
}

TEST(Estimate, IsOfTheWorkersThatTakePart) {
  Estimate estimate(
      [](const Settings& /*settings*/, std::uint32_t /*slots*/) { return Speed{.wave = 3}; });
  Settings settings = settings_of_100_steps();
  settings.participation = 2;
  // 20 dense steps and the 76 after the first sparse round are of two workers at once; the four of
  // that round are of eight on four slots.
  EXPECT_DOUBLE_EQ(estimate.seconds(settings), (20 + 2 * 4 + 76) * 3);
}

TEST(ForecastOfTrials, IsCorrectedByThoseThatHaveEnded) {
  Settings settings = settings_of_100_steps();
  settings.backend = "reference";
  settings.width = 2;
  const TrialSpec one{.settings = settings, .path = "none/one"};
  const TrialSpec other{.settings = settings, .path = "none/other"};
  Forecast forecast;
  const double measured = forecast.seconds(std::vector{one});
  EXPECT_DOUBLE_EQ(forecast.seconds(std::vector{one, other}), 2 * measured);
  forecast.ended(one, 3 * measured);
  EXPECT_DOUBLE_EQ(forecast.seconds(std::vector{other}), 3 * measured);
  forecast.ended(other, measured);
  EXPECT_DOUBLE_EQ(forecast.seconds(std::vector{other}), 2 * measured);
}

TEST(Estimate, MeasuresWavesThatTakeTime) {
  Settings settings = settings_of_100_steps();
  settings.backend = "reference";
  settings.width = 2;
  EXPECT_GT(measured_speed(settings, 2).wave, 0);
}

}  // namespace
}  // namespace mvsgd::sim
