#include "sim/round/mask_history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "sim/plan/keys.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/group.hpp"
#include "sim/verify/drawn_update.hpp"

namespace mvsgd::sim {
namespace {

using compress::Index;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(MaskHistory, CountsRoundsSinceAMaskOrADenseRoundHadTheCoordinate) {
  LastSent last(5);
  EXPECT_EQ(add_mask(3, std::vector<Index>{0, 2}, last), 3);  // since round 0
  EXPECT_EQ(add_mask(4, std::vector<Index>{0, 1}, last), (1 + 4) / 2.0);
  EXPECT_THAT(in_masks(last), ElementsAre(0, 1, 2));
  add_dense_round(6, last);
  EXPECT_THAT(in_masks(last), IsEmpty());
  EXPECT_EQ(add_mask(7, std::vector<Index>{0, 4}, last), 1);
  EXPECT_EQ(add_mask(10, std::vector<Index>{3, 4}, last), (4 + 3) / 2.0);
  EXPECT_THAT(in_masks(last), ElementsAre(0, 3, 4));
}

TEST(MaskHistory, AnEmptyMaskHasNoAge) {
  LastSent last(2);
  EXPECT_EQ(add_mask(1, {}, last), 0);
  EXPECT_THAT(in_masks(last), IsEmpty());
}

class MaskMetricsOf : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Each, MaskMetricsOf,
                         testing::Values("top-k", "mv", "mv-rs", "mv-ad", "rand-k"),
                         [](const auto& scheme) {
                           std::string name = scheme.param;
                           std::erase(name, '-');
                           return name;
                         });

/// Runs the rounds with drawn updates, and returns what is told of each.
std::vector<RoundRecord> records_of(const Settings& settings, const std::vector<Round>& plan,
                                    DrawnUpdate& update, std::size_t d) {
  Slots slots(2);
  comm::InprocGroup group(settings.workers, {});
  std::vector<RoundRecord> records;
  (void)run_group({.group = group,
                   .settings = settings,
                   .rounds = plan,
                   .update = update,
                   .slots = slots,
                   .on_closed = [&](const RoundRecord& record) { records.push_back(record); }},
                  initial_state(settings.workers, std::vector<float>(d, 1.0F), {}));
  return records;
}

TEST_P(MaskMetricsOf, AreThoseOfTheDefinitionsMasks) {
  constexpr std::size_t kD = 1'003;
  Settings settings;
  set(settings, {{"scheme", GetParam()},
                 {"workers", "4"},
                 {"phi", "0.05"},
                 {"phi_ad", "0.01"},
                 {"bn_eval", "recompute"},
                 {"mask_metrics", "true"}});
  std::vector<Round> plan = plain_rounds(2, 6);
  for (Round& round : plan) round.evaluate = round.t != 4;
  DrawnUpdate update(kD, settings.workers, 3, settings);
  const std::vector<RoundRecord> records = records_of(settings, plan, update, kD);

  Definition definition(settings, std::vector<float>(kD, 1.0F));
  std::vector<std::uint32_t> sent(kD);
  std::set<Index> ever;
  for (const Round& round : plan) {
    const DefinedRound defined = definition.run(round, update);
    const RoundRecord& record = records.at(round.t);
    ASSERT_EQ(record.round.t, round.t);
    EXPECT_EQ(record.mask_age.has_value(), !round.dense);
    if (round.dense) {
      sent.assign(kD, round.t);
      continue;
    }
    double age = 0;
    for (const Index i : defined.mask) age += round.t - sent[i];
    EXPECT_EQ(*record.mask_age, age / static_cast<double>(defined.mask.size())) << round.t;
    for (const Index i : defined.mask) sent[i] = round.t;
    ever.insert(defined.mask.begin(), defined.mask.end());
    EXPECT_EQ(record.in_masks,
              round.evaluate ? std::vector<Index>(ever.begin(), ever.end()) : std::vector<Index>())
        << round.t;
  }
}

TEST(MaskMetrics, AreNotThereUnlessTheyAreAskedFor) {
  Settings settings;
  set(settings, {{"workers", "2"}, {"phi", "0.05"}, {"bn_eval", "recompute"}});
  std::vector<Round> plan = plain_rounds(1, 2);
  for (Round& round : plan) round.evaluate = true;
  DrawnUpdate update(100, 2, 3, settings);
  for (const RoundRecord& record : records_of(settings, plan, update, 100)) {
    EXPECT_FALSE(record.mask_age.has_value());
    EXPECT_THAT(record.in_masks, IsEmpty());
  }
}

}  // namespace
}  // namespace mvsgd::sim
