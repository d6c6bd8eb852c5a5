// A real server of add-drop voting against a worker whose changes no honest worker sends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "compress/vote/add_drop.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/control.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/server.hpp"
#include "sim/round/telemetry.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

/// A real server of scheme mv_ad with two handmade workers: d = 100, K = 10, K_ad = 3. Worker 0
/// votes for 0..9 and changes nothing. Worker 1 votes for 5..14 and then sends what the test says.
class ForgedChange : public testing::Test {
 protected:
  ForgedChange() {
    settings_.scheme = &scheme_named("mv-ad");
    settings_.workers = 2;
    settings_.phi = Decimal(1, 1);
    settings_.phi_ad = Decimal(3, 2);
    settings_.tie_break = TieBreaking::index;
  }

  /// The server's error; "accepted" if it leads both rounds to their end.
  std::string refusal(const compress::VoteChange& forged) {
    comm::InprocGroup group(2);
    std::vector<Round> rounds(2);
    for (std::uint32_t i = 0; i < 2; ++i) {
      rounds[i].t = i + 1;
      rounds[i].steps = 1;
    }
    rounds[0].first_sparse = true;
    const Protocols protocols(settings_, 100, rounds);
    const Protocol& protocol = protocols.last();
    GiveUp never({}, 3);
    Server server({.protocols = protocols,
                   .settings = settings_,
                   .leader = {.rounds = rounds,
                              .pause_after = {},
                              .evaluate = {},
                              .on_closed = {},
                              .give_up = never},
                   .on_counts =
                       [&](const Round&, std::span<const std::uint32_t> counts) {
                         counts_.assign(counts.begin(), counts.end());
                       }},
                  group.end(2), {.theta = std::vector<float>(100), .mask = {}}, {}, 0);
    std::jthread honest([&] { play(protocol, group.end(0), {}); });
    std::jthread hostile([&] { play(protocol, group.end(1), forged); });
    try {
      (void)server.run();
    } catch (const comm::DecodeError& e) {
      group.fail(2, e.what());
      return e.what();
    }
    return "accepted";
  }

  Settings settings_;
  std::vector<std::uint32_t> counts_;  ///< the server's counts in the last round that it counted

 private:
  static void play(const Protocol& protocol, comm::Transport& end,
                   const compress::VoteChange& change) {
    std::vector<compress::Index> vote(10);
    for (std::uint32_t i = 0; i < 10; ++i) vote[i] = 5 * end.rank() + i;
    const auto send = [&](Envelope envelope, std::span<const compress::Index> positions) {
      end.send(end.server(), encode_positions(protocol, end.rank(), envelope, positions));
    };
    const auto exchange_values = [&](std::uint32_t t) {
      (void)receive_positions(protocol, end, end.server(), {comm::Kind::mask, t});
      std::vector<float> values(10, 1.0F);
      end.send(end.server(), encode_values(protocol, end.rank(), {comm::Kind::update, t}, values));
      receive_values(protocol, end, end.server(), {comm::Kind::aggregate, t}, values);
      end.report_round(t, encode_report({}));
    };
    try {
      std::vector<float> theta(100);
      receive_values(protocol, end, end.server(), {comm::Kind::model, 0}, theta);
      end.report_round(0, encode_report({}));
      send({comm::Kind::vote, 1}, vote);
      exchange_values(1);
      send({comm::Kind::add, 2}, change.add);
      send({comm::Kind::drop, 2}, change.drop);
      exchange_values(2);
    } catch (const comm::TransportError&) {
      return;  // the server refused the change
    }
  }
};

TEST_F(ForgedChange, AnHonestOneIsCounted) {
  for (const bool check_votes : {false, true}) {
    settings_.check_votes = check_votes;
    EXPECT_EQ(refusal({.add = {3, 50}, .drop = {5, 14}}), "accepted");
    std::vector<std::uint32_t> want(100);
    for (const std::uint32_t i : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U}) ++want[i];
    for (const std::uint32_t i : {3U, 6U, 7U, 8U, 9U, 10U, 11U, 12U, 13U, 50U}) ++want[i];
    EXPECT_EQ(counts_, want);
  }
}

TEST_F(ForgedChange, ListsOfUnequalLengthsAreRefusedNamingTheWorker) {
  EXPECT_THAT(refusal({.add = {50}, .drop = {}}), HasSubstr("worker 1: 1 adds and 0 drops"));
  EXPECT_THAT(refusal({.add = {50}, .drop = {5, 6}}), HasSubstr("worker 1: 1 adds and 2 drops"));
}

TEST_F(ForgedChange, ACoordinateInBothListsIsRefusedNamingTheWorker) {
  EXPECT_THAT(refusal({.add = {14}, .drop = {14}}), HasSubstr("worker 1: both adds and drops 14"));
}

TEST_F(ForgedChange, ADropAtACountOf0IsRefusedNamingTheWorker) {
  EXPECT_THAT(refusal({.add = {50}, .drop = {60}}),
              HasSubstr("worker 1: drops 60, which has no vote"));
}

TEST_F(ForgedChange, AnAddAtACountOfNIsRefusedNamingTheWorker) {
  EXPECT_THAT(refusal({.add = {5}, .drop = {14}}),
              HasSubstr("worker 1: adds 5, which has every worker's vote"));
}

TEST_F(ForgedChange, MoreThanKadChangesAreRefusedNamingTheWorker) {
  EXPECT_THAT(refusal({.add = {50, 51, 52, 53}, .drop = {5, 6, 7, 8}}),
              HasSubstr("add of round 2 from worker 1"));
}

TEST_F(ForgedChange, WhatOnlyTheVoteItselfShowsIsRefusedWhereVotesAreKept) {
  const compress::VoteChange added{.add = {14}, .drop = {5}};    // its vote has 14
  const compress::VoteChange dropped{.add = {50}, .drop = {0}};  // worker 0's has 0
  EXPECT_EQ(refusal(added), "accepted");
  EXPECT_EQ(refusal(dropped), "accepted");
  settings_.check_votes = true;
  EXPECT_THAT(refusal(added), HasSubstr("worker 1: adds 14, which its vote has"));
  EXPECT_THAT(refusal(dropped), HasSubstr("worker 1: drops 0, which its vote lacks"));
}

}  // namespace
}  // namespace mvsgd::sim
