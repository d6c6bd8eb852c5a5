// The majority vote takes the most voted coordinates and breaks ties fairly. Tested are its
// definition on d counts, and the mask of the server's tally.
#include "compress/vote/majority_vote.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "tests/compress/vote/votes.hpp"

namespace mvsgd::compress {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;
using ::testing::UnorderedElementsAreArray;
using Rule = TieBreak::Rule;

constexpr TieBreak kByIndex = {.rule = Rule::index};

// Eq 9 with ties toward the lower index: sort all coordinates by count, keep k.
std::vector<Index> mask_by_sorting(const VoteCounts& votes, std::size_t k) {
  std::vector<Index> order(votes.counts().size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index i, Index j) { return votes.counts()[i] > votes.counts()[j]; });
  order.resize(k);
  std::sort(order.begin(), order.end());
  return order;
}

/// One sum of votes in both forms.
struct Votes {
  Votes(std::size_t d, const std::vector<std::vector<Index>>& supports)
      : counts(counted(d, supports)), tally(tallied(d, supports)) {}
  explicit Votes(const std::vector<std::uint32_t>& of) : Votes(of.size(), supports_of(of)) {}

  VoteCounts counts;
  VoteTally tally;
};

/// The mask by the definition, after checking that the tally's is equal on every instruction set.
std::vector<Index> mask_of(const Votes& votes, std::size_t k, const TieBreak& tie) {
  auto mask = majority_mask(votes.counts.counts(), k, tie);
  for (const Isa isa : supported_isas()) {
    EXPECT_EQ(majority_mask(votes.tally, k, tie, isa), mask) << name(isa);
  }
  return mask;
}

TEST(VoteCounts, CountTheSupportsThatHaveACoordinate) {
  VoteCounts votes(5);
  votes.add(std::vector<Index>{0, 2, 3});
  votes.add(std::vector<Index>{2, 4});
  votes.add({});
  EXPECT_THAT(votes.counts(), ElementsAre(1, 0, 2, 1, 1));
}

TEST(VoteCounts, AreZeroAfterClear) {
  VoteCounts votes(5);
  votes.add(std::vector<Index>{0, 2, 3});
  votes.clear();
  EXPECT_THAT(votes.counts(), Each(0));
  votes.add(std::vector<Index>{1});
  EXPECT_THAT(majority_mask(votes.counts(), 1, {}), ElementsAre(1));
}

TEST(VoteCounts, ListEachCoordinateWithAVoteOnce) {
  std::mt19937_64 random(6);
  VoteCounts votes(200);
  for (int round = 0; round < 20; ++round) {
    std::set<Index> expected;
    for (int n = 0; n < 5; ++n) {
      const auto support = random_support(random, 200, 30);
      votes.add(support);
      expected.insert(support.begin(), support.end());
    }
    EXPECT_THAT(votes.voted(), UnorderedElementsAreArray(expected));
    votes.clear();
    EXPECT_THAT(votes.voted(), IsEmpty());
    EXPECT_THAT(votes.counts(), Each(0));
  }
}

TEST(VoteCounts, RefuseAListThatIsNoSupportAndStayAsTheyWere) {
  VoteCounts votes(5);
  votes.add(std::vector<Index>{1});
  EXPECT_THAT(
      [&] {
        votes.add(std::vector<Index>{0, 5});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("support[1] = 5 of d = 5")));
  EXPECT_THROW(votes.add(std::vector<Index>{0, 3, 2}), std::invalid_argument);
  EXPECT_THROW(votes.add(std::vector<Index>{0, 3, 3}), std::invalid_argument);
  EXPECT_THAT(votes.counts(), ElementsAre(0, 1, 0, 0, 0));
}

TEST(VoteCounts, RefuseAnEmptyModel) { EXPECT_THROW(VoteCounts(0), std::invalid_argument); }

TEST(MajorityVote, TakesTheMostVotedCoordinates) {
  const Votes votes({1, 3, 0, 2, 5, 1});
  for (const Rule rule : {Rule::random, Rule::index}) {
    EXPECT_THAT(mask_of(votes, 1, {.rule = rule}), ElementsAre(4));
    EXPECT_THAT(mask_of(votes, 2, {.rule = rule}), ElementsAre(1, 4));
    EXPECT_THAT(mask_of(votes, 3, {.rule = rule}), ElementsAre(1, 3, 4));
    EXPECT_THAT(mask_of(votes, 5, {.rule = rule}), ElementsAre(0, 1, 3, 4, 5));
    EXPECT_THAT(mask_of(votes, 0, {.rule = rule}), IsEmpty());
  }
}

TEST(MajorityVote, ByIndexBreaksTiesTowardTheLowerIndex) {
  const Votes votes({1, 2, 1, 2, 1, 1});
  EXPECT_THAT(mask_of(votes, 1, kByIndex), ElementsAre(1));
  EXPECT_THAT(mask_of(votes, 4, kByIndex), ElementsAre(0, 1, 2, 3));
}

TEST(MajorityVote, ByIndexEqualsSortingForEveryK) {
  std::mt19937_64 random(1);
  for (const std::size_t d : {1U, 5U, 31U, 32U, 33U, 64U, 300U}) {
    std::vector<std::vector<Index>> supports(8);
    for (auto& support : supports) support = random_support(random, d, (d + 2) / 3);
    const Votes votes(d, supports);
    const auto voted = static_cast<std::size_t>(std::count_if(
        votes.counts.counts().begin(), votes.counts.counts().end(), [](auto c) { return c > 0; }));
    for (std::size_t k = 0; k <= voted; ++k) {
      ASSERT_EQ(mask_of(votes, k, kByIndex), mask_by_sorting(votes.counts, k)) << k << " of " << d;
    }
  }
}

TEST(MajorityVote, AtRandomTakesKOfTheTiedAndAllAboveThem) {
  std::mt19937_64 random(2);
  std::vector<std::vector<Index>> supports(10);
  for (auto& support : supports) support = random_support(random, 1000, 100);
  const Votes votes(1000, supports);
  for (std::uint64_t round = 0; round < 50; ++round) {
    for (const std::size_t k : {1U, 10U, 100U, 300U}) {
      const auto by_index = mask_of(votes, k, kByIndex);
      const auto mask = mask_of(votes, k, {.seed = 3, .round = round});
      ASSERT_TRUE(std::is_sorted(mask.begin(), mask.end(), std::less_equal<>()));
      // The coordinates differ, but not how many votes they have.
      const auto histogram = [&](const std::vector<Index>& of) {
        std::map<std::uint32_t, int> counts;
        for (const Index i : of) ++counts[votes.counts.counts()[i]];
        return counts;
      };
      ASSERT_EQ(histogram(mask), histogram(by_index));
    }
  }
}

TEST(MajorityVote, IsTheSameForeverAndEverywhere) {
  // From tests/golden/compress/make_golden.py, another implementation. All eleven coordinates with
  // four votes enter, and five of the twelve with two votes.
  std::vector<std::uint32_t> counts(40);
  for (std::uint32_t i = 0; i < 40; ++i) counts[i] = i * i % 7;
  EXPECT_THAT(mask_of(Votes(counts), 16, {.seed = 7, .round = 9}),
              ElementsAre(2, 3, 5, 9, 10, 11, 12, 16, 19, 23, 26, 30, 33, 37, 38, 39));
}

TEST(MajorityVote, DrawsAnewForEachSeedAndRound) {
  const Votes votes(std::vector<std::uint32_t>(64, 1));
  std::set<std::vector<Index>> masks;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (std::uint64_t round = 0; round < 4; ++round) {
      const TieBreak tie = {.seed = seed, .round = round};
      masks.insert(mask_of(votes, 32, tie));
      EXPECT_EQ(mask_of(votes, 32, tie), mask_of(votes, 32, tie));
    }
  }
  EXPECT_EQ(masks.size(), 16U);  // two of C(64, 32) = 1.8e18 never agree by chance
}

TEST(MajorityVote, TakesEachSubsetOfTheTiedEquallyOften) {
  // Two coordinates lead. Three of the eight tied for second enter: 56 subsets, 1,000 draws each.
  // With 55 degrees of freedom chi-square passes 119.9 once in a million seeds.
  const Votes votes({1, 2, 1, 0, 1, 1, 1, 2, 1, 0, 1, 1});
  constexpr int kSubsets = 56;
  constexpr int kDraws = 56000;
  std::map<std::vector<Index>, int> drawn;
  for (std::uint64_t round = 0; round < kDraws; ++round) {
    ++drawn[mask_of(votes, 5, {.seed = 11, .round = round})];
  }
  ASSERT_EQ(drawn.size(), kSubsets);
  constexpr double kExpected = 1.0 * kDraws / kSubsets;
  double chi_square = 0;
  for (const auto& [mask, count] : drawn) {
    chi_square += (count - kExpected) * (count - kExpected) / kExpected;
  }
  EXPECT_LT(chi_square, 119.9);
}

TEST(MajorityVote, DoesNotChangeWhenWorkersArePermuted) {
  std::mt19937_64 random(4);
  std::vector<std::vector<Index>> supports(10);
  for (auto& support : supports) support = random_support(random, 2000, 50);
  const TieBreak tie = {.seed = 5, .round = 6};
  std::set<std::vector<Index>> masks;
  for (int trial = 0; trial < 20; ++trial) {
    std::shuffle(supports.begin(), supports.end(), random);
    const Votes votes(2000, supports);
    masks.insert(mask_of(votes, 50, tie));
  }
  EXPECT_EQ(masks.size(), 1U);
}

TEST(MajorityVote, OfOneWorkerIsItsVote) {
  std::mt19937_64 random(5);
  const auto support = random_support(random, 500, 60);
  const Votes votes(500, {support});
  EXPECT_EQ(mask_of(votes, 60, {}), support);
}

TEST(MajorityVote, RefusesMoreCoordinatesThanHaveAVote) {
  const Votes votes({1, 0, 2});
  EXPECT_THAT(
      [&] { (void)majority_mask(votes.counts.counts(), 3, {}); },
      ThrowsMessage<std::invalid_argument>("majority_mask: k = 3 of 2 coordinates with a vote"));
  EXPECT_THAT(
      [&] { (void)majority_mask(votes.tally, 3, {}); },
      ThrowsMessage<std::invalid_argument>("majority_mask: k = 3 of 2 coordinates with a vote"));
  EXPECT_THROW((void)majority_mask(VoteCounts(5).counts(), 1, {}), std::invalid_argument);
  EXPECT_THROW((void)majority_mask(VoteTally(5), 1, {}), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
