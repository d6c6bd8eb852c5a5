// The messages of a round, and the blocks of each list of positions.
#include "sim/plan/round_shape.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"

namespace mvsgd::sim {
namespace {

using comm::Kind;

constexpr std::uint64_t kD = 11'173'962;  // K = 111,740, K_ad = 11,174

/// B of `kind` in the first sparse round that has such a list; 0 if none has.
std::uint64_t block_of(Kind kind, const Settings& settings, std::uint64_t d) {
  for (const Round& round : plain_rounds(0, 2)) {
    for (const MessageShape& message : round_shape(settings, dimensions(settings, d, 0), round)) {
      if (message.kind == kind) return message.block;
    }
  }
  return 0;
}

TEST(RoundShape, HasThePapersBlocksWhereTheSettingsSayNothing) {
  const Settings& of = preset("ssgd-mv-ad").settings;
  EXPECT_EQ(block_of(Kind::vote, of, kD), 100U);
  EXPECT_EQ(block_of(Kind::mask, of, kD), 100U);
  EXPECT_EQ(block_of(Kind::add, of, kD), 1000U);
  EXPECT_EQ(block_of(Kind::drop, of, kD), 1000U);
}

TEST(RoundShape, HasBlocksOfAUnionForNSupports) {
  const Settings& of = preset("top-k").settings;
  EXPECT_EQ(block_of(Kind::vote, of, kD), 100U);
  EXPECT_EQ(block_of(Kind::mask, of, kD), 10U);
}

TEST(RoundShape, OfAUnionIsOfTheSupportsOfThoseThatTakePart) {
  Settings settings = preset("top-k").settings;
  settings.participation = 4;
  Round round;
  round.t = 3;
  round.absent = 6;
  for (const MessageShape& message : round_shape(settings, dimensions(settings, kD, 0), round)) {
    if (message.kind == Kind::mask) {
      EXPECT_EQ(message.block, 25U);
    }
    if (message.way == comm::Direction::down) {
      EXPECT_EQ(message.most, 4U * 111'740);
      EXPECT_EQ(message.share, 0.04);
    }
  }
}

TEST(RoundShape, HasBlocksOfRanksOfKOverKadRounded) {
  Settings settings = preset("ssgd-mv-ad").settings;
  settings.drop_codec = DropCoding::rank;
  EXPECT_EQ(block_of(Kind::drop, settings, kD), 10U);
  EXPECT_EQ(block_of(Kind::add, settings, kD), 1000U);
  // K = 50 and K_ad = 20: the quotient 2.5 is rounded up.
  settings.phi_ad = Decimal(4, 3);
  EXPECT_EQ(block_of(Kind::drop, settings, 5'000), 3U);
  // A worker can drop no more than K.
  settings.phi_ad = Decimal(5, 2);
  EXPECT_EQ(block_of(Kind::drop, settings, 5'000), 1U);
}

TEST(RoundShape, HasBlocksOfRanksOutsideTheVoteRounded) {
  Settings settings = preset("ssgd-mv-ad").settings;
  settings.add_codec = AddCoding::rank;
  EXPECT_EQ(block_of(Kind::add, settings, 5'000), 990U);  // K = 50 and K_ad = 5
  EXPECT_EQ(block_of(Kind::drop, settings, 5'000), 1000U);
  // d - K = 500 and K_ad = 4,000: no block is empty.
  settings.phi = Decimal(9, 1);
  settings.phi_ad = Decimal(8, 1);
  EXPECT_EQ(block_of(Kind::add, settings, 5'000), 1U);
  // Nothing is outside.
  settings.phi = Decimal(1, 0);
  settings.phi_ad = Decimal(1, 3);
  EXPECT_EQ(block_of(Kind::add, settings, 5'000), 1000U);
}

TEST(RoundShape, HasVotesAndMasksInTheSettingsBlocksWhereTheySaySo) {
  Settings settings = preset("ssgd-mv-ad").settings;
  settings.block_size = 64;
  EXPECT_EQ(block_of(Kind::vote, settings, kD), 64U);
  EXPECT_EQ(block_of(Kind::mask, settings, kD), 64U);
  EXPECT_EQ(block_of(Kind::add, settings, kD), 1000U);
  EXPECT_EQ(block_of(Kind::drop, settings, kD), 1000U);
}

/// The messages as "up vote" and so on, in the order of the shape.
std::vector<std::string> messages(const Settings& settings, const Round& round) {
  std::vector<std::string> all;
  for (const MessageShape& message : round_shape(settings, dimensions(settings, kD, 9), round)) {
    all.push_back(std::string(comm::name(message.way)) + " " +
                  std::string(comm::name(message.kind)));
  }
  return all;
}

using Messages = std::vector<std::string>;

TEST(RoundShape, HasTheMessagesOfEachSchemeInALedgersOrder) {
  const std::vector<Round> rounds = plain_rounds(1, 2);  // dense, first sparse, sparse
  const Messages voted{"up vote", "up update", "down mask", "down aggregate"};
  const struct {
    const char* scheme;
    Messages first;
    Messages later;
  } cases[] = {{"mv", voted, voted},
               {"mv-rs", voted, voted},
               {"top-k", voted, voted},
               {"rand-k",
                {"up update", "down mask", "down aggregate"},
                {"up update", "down mask", "down aggregate"}},
               {"mv-ad", voted, {"up add", "up drop", "up update", "down mask", "down aggregate"}}};
  for (const auto& [name, first, later] : cases) {
    Settings settings;
    settings.scheme = &scheme_named(name);
    EXPECT_EQ(messages(settings, {}), Messages{"down model"}) << name;
    EXPECT_EQ(messages(settings, rounds[0]), (Messages{"up dense", "down aggregate"})) << name;
    EXPECT_EQ(messages(settings, rounds[1]), first) << name;
    EXPECT_EQ(messages(settings, rounds[2]), later) << name;
  }
  for (const Round& round : rounds) EXPECT_EQ(messages(preset("sm").settings, round), Messages{});
}

TEST(RoundShape, HasTheWorkersStatisticsWhereAnEvaluationTakesTheirAverage) {
  Settings settings = preset("dense").settings;
  Round round = plain_rounds(1, 0).front();
  round.evaluate = true;
  EXPECT_EQ(messages(settings, round), (Messages{"up dense", "up buffers", "down aggregate"}));
  for (const auto other : {BatchNormEvaluation::recompute, BatchNormEvaluation::batch}) {
    settings.overrides.bn_eval = other;
    EXPECT_EQ(messages(settings, round), (Messages{"up dense", "down aggregate"}));
  }
}

TEST(RoundShape, HasMasksAgainstTheLastOnesFromTheSecondSparseRoundOn) {
  Settings settings = preset("ssgd-mv").settings;
  settings.mask_codec = MaskCoding::delta;
  const std::vector<Round> rounds = plain_rounds(1, 2);
  const auto given = [&](const Round& round) {
    for (const MessageShape& message : round_shape(settings, dimensions(settings, kD, 0), round)) {
      if (message.kind == Kind::mask) return message.given;
    }
    return Given::last_vote;
  };
  EXPECT_EQ(given(rounds[1]), Given::nothing);
  EXPECT_EQ(given(rounds[2]), Given::last_mask);
}

TEST(RoundShape, HasTheSharesOfTheSettingsAndOfAUnionNTimesOfOneSupport) {
  const auto share_of = [](Kind kind, const Settings& settings) {
    double share = 0;
    for (const Round& round : plain_rounds(0, 2)) {
      for (const MessageShape& message :
           round_shape(settings, dimensions(settings, kD, 0), round)) {
        if (message.kind == kind) share = message.share;
      }
    }
    return share;
  };
  const Settings& ad = preset("ssgd-mv-ad").settings;
  for (const Kind kind : {Kind::vote, Kind::mask, Kind::update, Kind::aggregate}) {
    EXPECT_EQ(share_of(kind, ad), 0.01) << comm::name(kind);
  }
  EXPECT_EQ(share_of(Kind::add, ad), 0.001);
  EXPECT_EQ(share_of(Kind::drop, ad), 0.001);
  const Settings& top_k = preset("top-k").settings;  // N = 10
  EXPECT_EQ(share_of(Kind::vote, top_k), 0.01);
  EXPECT_EQ(share_of(Kind::update, top_k), 0.01);
  EXPECT_EQ(share_of(Kind::mask, top_k), 10 * 0.01);
  EXPECT_EQ(share_of(Kind::aggregate, top_k), 10 * 0.01);
}

/// The least and most of `kind` in a second sparse round at d = 5,000, where K = 50.
std::pair<std::uint64_t, std::uint64_t> counts_of(Kind kind, const Settings& settings) {
  for (const MessageShape& message :
       round_shape(settings, dimensions(settings, 5'000, 0), plain_rounds(0, 2)[1])) {
    if (message.kind == kind) return {message.least, message.most};
  }
  return {};
}

TEST(RoundShape, HasKPositionsAndValuesButForChangesAndUnions) {
  using Range = std::pair<std::uint64_t, std::uint64_t>;
  for (const Kind kind : {Kind::vote, Kind::mask, Kind::update, Kind::aggregate}) {
    EXPECT_EQ(counts_of(kind, preset("ssgd-mv").settings), Range(50, 50)) << comm::name(kind);
  }
  Settings ad = preset("ssgd-mv-ad").settings;  // K_ad = 5
  Settings top_k = preset("top-k").settings;    // N = 10
  EXPECT_EQ(counts_of(Kind::add, ad), Range(0, 5));
  EXPECT_EQ(counts_of(Kind::drop, ad), Range(0, 5));
  EXPECT_EQ(counts_of(Kind::vote, top_k), Range(50, 50));
  EXPECT_EQ(counts_of(Kind::mask, top_k), Range(50, 500));
  EXPECT_EQ(counts_of(Kind::aggregate, top_k), Range(50, 500));
  ad.phi_ad = Decimal(5, 2);  // no more than K
  EXPECT_EQ(counts_of(Kind::add, ad), Range(0, 50));
  top_k.phi = Decimal(2, 1);  // no more than d
  EXPECT_EQ(counts_of(Kind::mask, top_k), Range(1'000, 5'000));
}

}  // namespace
}  // namespace mvsgd::sim
