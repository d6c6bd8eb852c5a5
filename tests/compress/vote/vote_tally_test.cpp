// The sparse sum of votes is the dense one, and gives the same masks.
#include "compress/vote/vote_tally.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "compress/vote/majority_vote.hpp"
#include "tests/compress/vote/votes.hpp"

namespace mvsgd::compress {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;
using Supports = std::vector<std::vector<Index>>;
using Rule = TieBreak::Rule;

void expect_equal(const VoteTally& tally, const VoteCounts& votes) {
  std::vector<Index> voted(votes.voted().begin(), votes.voted().end());
  std::sort(voted.begin(), voted.end());
  ASSERT_EQ(std::vector<Index>(tally.voted().begin(), tally.voted().end()), voted);
  ASSERT_EQ(tally.counts().size(), voted.size());
  std::vector<std::size_t> with_count(tally.with_count().size());
  for (std::size_t j = 0; j < voted.size(); ++j) {
    ASSERT_EQ(tally.counts()[j], votes.counts()[voted[j]]) << voted[j];
    ++with_count.at(tally.counts()[j]);
  }
  ASSERT_EQ(std::vector<std::size_t>(tally.with_count().begin(), tally.with_count().end()),
            with_count);
}

void expect_the_mask_of_the_definition(const VoteTally& tally, const VoteCounts& votes,
                                       std::size_t k, const TieBreak& tie) {
  const auto mask = majority_mask(votes.counts(), k, tie);
  for (const Isa isa : supported_isas()) {
    ASSERT_EQ(majority_mask(tally, k, tie, isa), mask)
        << k << " of " << tally.dimension() << ", round " << tie.round << ", " << name(isa);
  }
}

TEST(VoteTally, IsTheSumOfTheSupports) {
  VoteTally tally(5);
  tally.count(Supports{{0, 2, 3}, {2, 4}, {}});
  EXPECT_THAT(tally.voted(), ElementsAre(0, 2, 3, 4));
  EXPECT_THAT(tally.counts(), ElementsAre(1, 2, 1, 1));
  EXPECT_THAT(tally.with_count(), ElementsAre(0, 3, 1, 0));
  EXPECT_EQ(tally.votes_for(std::vector<Index>{0, 1, 2}), 3U);
}

TEST(VoteTally, EqualsTheDenseSumWhateverItsSize) {
  // Fewer than d / 64 votes are sorted, more are counted by blocks; 20,000 coordinates make three
  // blocks. One object goes through all of it, with larger sums and smaller ones.
  std::mt19937_64 random(1);
  for (const std::size_t d : {1U, 63U, 64U, 65U, 8192U, 8193U, 20000U}) {
    for (const Isa isa : supported_isas()) {
      VoteTally tally(d, isa);
      for (const std::size_t workers : {1U, 2U, 9U}) {
        for (const std::size_t k : {d / 1000, d / 64, d / 2, d / 10, std::size_t{1}}) {
          Supports supports(workers);
          for (auto& support : supports) support = random_support(random, d, k);
          tally.count(supports);
          SCOPED_TRACE(testing::Message() << workers << " of " << k << " of " << d << name(isa));
          expect_equal(tally, counted(d, supports));
        }
      }
    }
  }
}

TEST(VoteTally, CountsSupportsThatAreApart) {
  // Whole blocks without a vote, and supports that end in different ones.
  const Supports supports = {{0, 8191, 8192, 99999}, {}, {8191}, {50000, 99999}};
  for (const std::size_t d : {100000U, 440U * 1000}) {
    VoteTally tally(d);
    tally.count(supports);
    expect_equal(tally, counted(d, supports));
  }
  // The same by blocks.
  VoteTally tally(100000);
  Supports full = supports;
  full.emplace_back();
  for (Index i = 30000; i < 40000; ++i) full.back().push_back(i);
  tally.count(full);
  expect_equal(tally, counted(100000, full));
}

TEST(VoteTally, CountsTheLargestIndex) {
  constexpr Index kLast = 0xfffffffe;
  VoteTally tally(0xffffffff);
  tally.count(Supports{{0, kLast}, {kLast}});
  EXPECT_THAT(tally.voted(), ElementsAre(0, kLast));
  EXPECT_THAT(tally.counts(), ElementsAre(1, 2));
}

TEST(VoteTally, IsEmptyWithoutVotes) {
  VoteTally tally(100);
  EXPECT_THAT(tally.voted(), IsEmpty());
  EXPECT_THAT(majority_mask(tally, 0, {}), IsEmpty());
  EXPECT_THROW((void)majority_mask(tally, 1, {}), std::invalid_argument);
  tally.count(Supports{{1, 2}});
  tally.count({});
  EXPECT_THAT(tally.voted(), IsEmpty());
  EXPECT_EQ(tally.votes_for(std::vector<Index>{1, 2}), 0U);
}

TEST(VoteTally, RefusesAListThatIsNoSupportAndStaysAsItWas) {
  VoteTally tally(5);
  tally.count(Supports{{1}});
  EXPECT_THAT(
      [&] {
        tally.count(Supports{{2}, {0, 5}});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("support 1[1] = 5 of d = 5")));
  EXPECT_THROW(tally.count(Supports{{0, 3, 2}}), std::invalid_argument);
  EXPECT_THROW(tally.count(Supports{{0, 3, 3}}), std::invalid_argument);
  EXPECT_THROW(tally.count(Supports{{7}}), std::invalid_argument);
  EXPECT_THAT(tally.voted(), ElementsAre(1));
  EXPECT_THROW(VoteTally(0), std::invalid_argument);
}

TEST(VoteTally, SumsTheVotesOfAMask) {
  std::mt19937_64 random(2);
  Supports supports(7);
  for (auto& support : supports) support = random_support(random, 5000, 600);
  VoteTally tally(5000);
  tally.count(supports);
  const VoteCounts votes = counted(5000, supports);
  for (const std::size_t k : {0U, 1U, 10U, 500U, 5000U}) {
    const auto mask = random_support(random, 5000, k);
    std::uint64_t expected = 0;
    for (const Index i : mask) expected += votes.counts()[i];
    EXPECT_EQ(tally.votes_for(mask), expected) << k;
  }
}

TEST(MajorityVote, OfTheTallyEqualsTheDefinitionForEveryK) {
  std::mt19937_64 random(3);
  for (const std::size_t d : {1U, 5U, 63U, 64U, 65U, 300U}) {
    for (const std::size_t workers : {1U, 3U, 8U}) {
      Supports supports(workers);
      for (auto& support : supports) support = random_support(random, d, (d + 2) / 3);
      VoteTally tally(d);
      tally.count(supports);
      const VoteCounts votes = counted(d, supports);
      for (std::size_t k = 0; k <= tally.voted().size(); ++k) {
        for (const Rule rule : {Rule::random, Rule::index}) {
          const TieBreak tie = {.rule = rule, .seed = d, .round = k};
          expect_the_mask_of_the_definition(tally, votes, k, tie);
        }
      }
      EXPECT_THROW((void)majority_mask(tally, tally.voted().size() + 1, {}), std::invalid_argument);
    }
  }
}

TEST(MajorityVote, OfTheTallyEqualsTheDefinitionAfterManyDraws) {
  // 200,000 ties are 3,125 buffers of draws; about one draw in 40,000 is refused.
  std::mt19937_64 random(4);
  constexpr std::size_t kD = 1000000;
  Supports supports(4);
  for (auto& support : supports) {
    for (Index i = 0; i < kD; ++i) {
      if (random() % 20 == 0) support.push_back(i);
    }
  }
  VoteTally tally(kD);
  tally.count(supports);
  const VoteCounts votes = counted(kD, supports);
  expect_equal(tally, votes);
  for (const std::size_t k : {std::size_t{10}, std::size_t{1000}, kD / 20}) {
    for (std::uint64_t round = 0; round < 10; ++round) {
      expect_the_mask_of_the_definition(tally, votes, k, {.seed = 5, .round = round});
    }
  }
}

TEST(MajorityVote, OfTheTallyEqualsTheDefinitionWhereNearlyAllEnter) {
  // Many draws are made at a time, as if none changed how many are still wanted, unless a number is
  // near enough for that to matter. Here the earlier draws of a batch decide its last one in about
  // one round of twenty.
  constexpr std::size_t kD = 100000;
  Supports supports(1, std::vector<Index>(kD));
  std::iota(supports[0].begin(), supports[0].end(), Index{0});
  VoteTally tally(kD);
  tally.count(supports);
  const VoteCounts votes = counted(kD, supports);
  for (std::uint64_t round = 0; round < 300; ++round) {
    expect_the_mask_of_the_definition(tally, votes, kD - 5, {.seed = 6, .round = round});
  }
}

}  // namespace
}  // namespace mvsgd::compress
