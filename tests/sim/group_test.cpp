// Workers and server over the in-process transport, against the definition and with faults.
#include "sim/group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "sim/audit.hpp"
#include "sim/definition.hpp"
#include "sim/drawn_update.hpp"
#include "sim/presets.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

constexpr std::size_t kD = 5'003;

Settings small_settings() {
  Settings settings = preset("ssgd-mv").settings;
  settings.workers = 4;
  settings.phi = Decimal(2, 2);
  settings.tie_break = TieBreaking::index;
  settings.deadline = 60;
  return settings;
}

/// Dense, sparse, sparse with a decay, sparse.
std::vector<Round> small_plan() {
  std::vector<Round> rounds(4);
  for (std::uint32_t i = 0; i < rounds.size(); ++i) {
    rounds[i].t = i + 1;
    rounds[i].steps = 1;
    rounds[i].dense = i == 0;
    rounds[i].full_vote = i > 0;
  }
  return rounds;
}

GroupResult run(const Settings& settings, const std::vector<Round>& plan, LocalUpdate& update,
                std::size_t slot_count, std::function<void(const RoundRecord&)> on_closed = {}) {
  Slots slots(slot_count);
  Telemetry telemetry;
  return run_group({.settings = settings,
                    .rounds = plan,
                    .update = update,
                    .slots = slots,
                    .telemetry = telemetry,
                    .evaluate = {},
                    .on_closed = std::move(on_closed),
                    .on_message = {},
                    .on_counts = {}},
                   std::vector<float>(kD, 1.0F), {}, true);
}

TEST(Group, EqualsTheDefinitionBitForBit) {
  const Settings settings = small_settings();
  const auto plan = small_plan();
  DrawnUpdate update(kD, 2, 5);
  const GroupResult result = run(settings, plan, update, 2);

  Definition definition(settings, std::vector<float>(kD, 1.0F));
  for (const Round& round : plan) (void)definition.run(round, update);
  EXPECT_TRUE(std::ranges::equal(result.theta, definition.theta()));
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    EXPECT_TRUE(std::ranges::equal(result.errors[n], definition.error(n))) << n;
  }
}

TEST(Group, SlotsDoNotEnterTheResult) {
  Settings settings = small_settings();
  settings.tie_break = TieBreaking::random;
  DrawnUpdate update(kD, 4, 6);
  const auto one = run(settings, small_plan(), update, 1);
  const auto four = run(settings, small_plan(), update, 4);
  EXPECT_EQ(one.theta, four.theta);
  EXPECT_EQ(one.errors, four.errors);
}

TEST(Group, ErrorMemoryIsRescaledWhenTheRateDecays) {
  Settings settings = small_settings();
  auto plan = small_plan();
  plan.resize(3);
  plan[2].decayed = true;
  DrawnUpdate update(kD, 1, 7);
  const auto rescaled = run(settings, plan, update, 1);
  settings.overrides.error_rescale_on_decay = false;
  const auto kept = run(settings, plan, update, 1);
  EXPECT_NE(rescaled.errors, kept.errors);
  plan[2].decayed = false;
  settings.overrides.error_rescale_on_decay = true;
  EXPECT_EQ(run(settings, plan, update, 1).errors, kept.errors);
}

TEST(Group, SumIsNTimesTheMeanOfADenseRound) {
  Settings settings = small_settings();  // N = 4: the division is exact
  std::vector<Round> plan = small_plan();
  plan.resize(1);
  DrawnUpdate update(kD, 1, 8);
  const auto mean = run(settings, plan, update, 1);
  settings.aggregation = Aggregation::sum;
  const auto sum = run(settings, plan, update, 1);
  EXPECT_NE(mean.theta, sum.theta);
  for (std::size_t i = 0; i < kD; ++i) {
    // theta = 1 + x rounds once; x is at most 4 in magnitude.
    EXPECT_NEAR(sum.theta[i] - 1.0F, 4 * (mean.theta[i] - 1.0F), 4e-6F) << i;
  }
}

TEST(Group, ClosesEveryRoundInOrderWithTheLawsRows) {
  const Settings settings = small_settings();
  const Audit audit({}, settings, kD, 0);
  DrawnUpdate update(kD, 2, 9);
  std::vector<std::uint32_t> closed;
  (void)run(settings, small_plan(), update, 2, [&](const RoundRecord& record) {
    audit.check(record.round, record.ledger);
    closed.push_back(record.round.t);
    EXPECT_EQ(record.mask_overlap.has_value(), record.round.t >= 3);
  });
  EXPECT_EQ(closed, (std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
}

/// Fails in one worker's third round.
class FailingUpdate final : public LocalUpdate {
 public:
  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker,
                  std::span<const float> theta, std::span<float> buffers) override {
    if (worker == 2 && round.t == 3) throw NonFiniteError("round 3, worker 2: it went wrong");
    return drawn_.run(slot, round, worker, theta, buffers);
  }

 private:
  DrawnUpdate drawn_{kD, 4, 10};
};

TEST(Group, OneWorkersFailureEndsTheRunWithItsOwnWords) {
  FailingUpdate update;
  try {
    (void)run(small_settings(), small_plan(), update, 4);
    FAIL() << "nothing was thrown";
  } catch (const NonFiniteError& e) {
    EXPECT_THAT(e.what(), HasSubstr("worker 2: it went wrong"));
  }
}

TEST(Group, AServersFailureEndsTheWorkersWaits) {
  DrawnUpdate update(kD, 2, 11);
  EXPECT_THROW((void)run(small_settings(), small_plan(), update, 2,
                         [](const RoundRecord& record) {
                           if (record.round.t == 2) throw CheckFailed("round 2");
                         }),
               CheckFailed);
}

}  // namespace
}  // namespace mvsgd::sim
