// A warm-up of sparse rounds whose shares go down by stairs (phi_warmup).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/group.hpp"
#include "sim/verify/drawn_update.hpp"
#include "tests/sim/round/broken_off.hpp"
#include "tests/sim/round/defined_run.hpp"
#include "tests/sim/round/scheme_case.hpp"

namespace mvsgd::sim {
namespace {

struct StairsCase {
  std::string name;
  GivenSettings given;
};

std::ostream& operator<<(std::ostream& out, const StairsCase& c) { return out << c.name; }

/// Every scheme, and all that is sent against an earlier round.
const std::vector<StairsCase>& cases() {
  static const std::vector<StairsCase> all{
      {"Mv", {{"scheme", "mv"}}},
      {"MvDelta", {{"scheme", "mv"}, {"vote_codec", "delta"}, {"mask_codec", "delta"}}},
      {"Rs", {{"scheme", "mv-rs"}, {"value_bits", "4"}, {"mask_codec", "delta"}}},
      {"Ad", {{"scheme", "mv-ad"}}},
      {"AdRank", {{"scheme", "mv-ad"}, {"add_codec", "rank"}, {"drop_codec", "rank"}}},
      {"AdCorrected",
       {{"scheme", "mv-ad"},
        {"value_bits", "4"},
        {"value_codec", "entropy"},
        {"position_codec", "rans"},
        {"momentum", "0.875"},
        {"momentum_correction", "true"}}},
      {"TopK", {{"scheme", "top-k"}, {"vote_codec", "delta"}}},
      {"RandK", {{"scheme", "rand-k"}, {"mask_codec", "delta"}}}};
  return all;
}

Settings settings_of(const GivenSettings& given) {
  Settings settings;
  set(settings, given);
  set(settings, {{"workers", "4"},
                 {"phi", "0.03"},
                 {"phi_ad", "0.004"},
                 {"phi_warmup", "stairs"},
                 {"epochs", "12"},
                 {"warmup_epochs", "10"}});
  validate(settings);
  return settings;
}

/// Two rounds of a share of 1/4, two of 1/16, then phi; the third stair is below it.
class GroupOnStairs : public DefinedRun, public testing::TestWithParam<StairsCase> {
 protected:
  GroupOnStairs() : DefinedRun(settings_of(GetParam().given)) {}
};

INSTANTIATE_TEST_SUITE_P(Of, GroupOnStairs, testing::ValuesIn(cases()),
                         [](const auto& c) { return c.param.name; });

TEST_P(GroupOnStairs, EqualsTheDefinitionWithinTheLawAndHasTheSharesByHand) {
  // ceil(5003 / 4), ceil(5003 / 16) and ceil(0.03 * 5003).
  std::vector<std::uint32_t> want{1251, 1251, 313, 313};
  want.insert(want.end(), 8, 151);
  ASSERT_EQ(plan_.size(), want.size());
  std::map<std::uint32_t, std::uint32_t> updates;
  on_message_ = [&](std::uint32_t to, const comm::Message& message) {
    if (to != settings_.workers || message.header.sender != 0) return;
    if (message.header.kind == comm::Kind::update) {
      updates[message.header.round] = message.header.count;
    }
    EXPECT_NE(message.header.kind, comm::Kind::dense);
  };
  const Audit audit({}, settings_, kD, 0);
  on_closed_ = [&](const RoundRecord& record) {
    audit.check(record.round, record.ledger, record.sizes);
    const RoundSizes told = audit.sizes_in(record.round, record.ledger);
    EXPECT_EQ(told.coded_bits, record.sizes.coded_bits) << record.round.t;
    EXPECT_EQ(told.union_size, record.sizes.union_size) << record.round.t;
    // The bits of rANS do not tell how many coordinates a list adds.
    if (settings_.position_codec == "block") {
      EXPECT_EQ(told.changes, record.sizes.changes) << record.round.t;
    }
  };
  expect_the_definitions(advance(begin(), update_, 1));
  for (std::uint32_t t = 1; t <= want.size(); ++t) EXPECT_EQ(updates[t], want[t - 1]) << t;
  expect_the_definitions(advance(begin(), update_, 4));
}

TEST_P(GroupOnStairs, BeginsEachWithNewVotesAndMasks) {
  std::map<std::uint32_t, std::vector<comm::Kind>> lists;
  std::map<std::uint32_t, bool> has_overlap;
  on_message_ = [&](std::uint32_t to, const comm::Message& message) {
    // The worker's messages come from its own thread, one after the other.
    if (to != settings_.workers || message.header.sender != 2) return;
    lists[message.header.round].push_back(message.header.kind);
  };
  on_closed_ = [&](const RoundRecord& record) {
    has_overlap[record.round.t] = record.mask_overlap.has_value();
  };
  (void)advance(begin(), update_, 2);
  const bool votes = settings_.scheme->name() != "rand-k";
  for (const Round& round : plan_) {
    const bool is_new = round.t <= 5 && round.t % 2 == 1;  // stairs 1 and 2, then phi
    EXPECT_EQ(round.first_sparse, is_new) << round.t;
    EXPECT_EQ(has_overlap[round.t], !is_new) << round.t;
    const auto whole = std::ranges::count(lists[round.t], comm::Kind::vote);
    const bool is_whole = votes && (is_new || !drops(*settings_.scheme));
    EXPECT_EQ(whole, is_whole ? 1 : 0) << round.t;
  }
}

TEST_P(GroupOnStairs, MayPauseAfterAnyRound) {
  for (std::uint32_t t = 1; t < plan_.size(); ++t) {
    SCOPED_TRACE(t);
    GroupState state =
        advance(begin(), update_, 2, [&](const Round& round) { return round.t == t; });
    ASSERT_EQ(state.t, t);
    // What a worker has of its last vote is in a checkpoint, too; it has the K of its round.
    if (!defined_[t - 1].votes.empty()) {
      EXPECT_EQ(state.workers[1].vote, defined_[t - 1].votes[1]);
    }
    expect_the_definitions(advance(std::move(state), update_, 3));
  }
}

TEST_P(GroupOnStairs, MayGiveUpAnyRound) {
  for (std::uint32_t t = 1; t <= plan_.size(); ++t) {
    SCOPED_TRACE(t);
    GivenUpUpdate update(update_, settings_.workers, t, t % settings_.workers);
    GroupState state = advance(begin(), update, settings_.workers, {}, &update.give_up());
    ASSERT_EQ(state.t, t - 1);
    if (t > 1) {
      EXPECT_EQ(state.server.mask, defined_[t - 2].mask);
    }
    expect_the_definitions(
        advance(std::move(state), update, settings_.workers, {}, &update.give_up()));
  }
}

TEST(AuditOnStairs, RefusesTheCountOfAnotherStair) {
  Settings settings;
  settings.workers = 1;
  const Audit audit({}, settings, DefinedRun::kD, 0);
  Round round;
  round.t = 2;
  round.steps = 1;
  round.first_sparse = true;
  round.stair = 2;
  const auto rows = audit.expected(round, 0);
  EXPECT_NO_THROW(audit.check(round, rows));
  for (const std::uint32_t other : {0U, 1U, 3U}) {
    round.stair = other;
    EXPECT_THROW(audit.check(round, rows), CheckFailed) << other;
  }
  // 4^-4 is below phi = 0.01, so no round of these settings is on that stair.
  round.stair = 4;
  EXPECT_THROW((void)audit.expected(round, 0), CheckFailed);
}

}  // namespace
}  // namespace mvsgd::sim
