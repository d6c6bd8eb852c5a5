// The random selection is successive sampling by votes: it has the draws of its definition, and the
// exact probabilities.
#include "compress/vote/random_selection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "tests/compress/vote/votes.hpp"

namespace mvsgd::compress {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;
using Counts = std::vector<std::uint32_t>;

TEST(RandomSelection, EqualsTheDefinitionForEveryK) {
  std::mt19937_64 random(1);
  for (const std::size_t d : {1U, 2U, 3U, 7U, 8U, 9U, 31U, 32U, 33U, 100U}) {
    for (int n = 1; n <= 8; n *= 2) {
      std::vector<std::vector<Index>> supports(static_cast<std::size_t>(n));
      for (auto& support : supports) support = random_support(random, d, (d + 2) / 3);
      const VoteCounts votes = counted(d, supports);
      const VoteTally tally = tallied(d, supports);
      for (std::size_t k = 0; k <= votes.voted().size(); ++k) {
        ASSERT_EQ(random_selection(tally, k, d, k),
                  random_selection_by_scanning(votes.counts(), k, d, k))
            << k << " of " << d;
      }
    }
  }
}

TEST(RandomSelection, EqualsTheDefinitionWhereTheTallySortsItsVotes) {
  constexpr std::size_t kD = (std::size_t{1} << 22) + 100000;
  std::mt19937_64 random(2);
  std::vector<std::vector<Index>> supports(5);
  for (auto& support : supports) support = random_support(random, kD, 200);
  const VoteCounts votes = counted(kD, supports);
  ASSERT_GE(*std::max_element(votes.voted().begin(), votes.voted().end()), 1U << 22);
  EXPECT_EQ(random_selection(tallied(kD, supports), 20, 3, 4),
            random_selection_by_scanning(votes.counts(), 20, 3, 4));
}

TEST(RandomSelection, EqualsTheDefinitionForEveryNumberOfVotesOfACoordinate) {
  // Counts up to 300: a coordinate's votes are in one word of 64 of the row of votes, or in six.
  std::mt19937_64 random(6);
  for (const std::size_t workers : {1U, 7U, 300U}) {
    constexpr std::size_t kD = 60;
    std::vector<std::vector<Index>> supports(workers);
    for (auto& support : supports) {
      for (Index i = 0; i < kD; ++i) {
        if (i == 17 || random() % kD < i) support.push_back(i);
      }
    }
    const VoteCounts votes = counted(kD, supports);
    const VoteTally tally = tallied(kD, supports);
    for (std::size_t k = 0; k <= tally.voted().size(); ++k) {
      ASSERT_EQ(random_selection(tally, k, 7, k),
                random_selection_by_scanning(votes.counts(), k, 7, k))
          << k << " of " << workers;
    }
  }
}

// The probability of each set of k under successive sampling, summed over all orders in which its
// coordinates may be taken.
std::map<std::vector<Index>, double> exact_probabilities(const Counts& counts, std::size_t k) {
  std::map<std::vector<Index>, double> exact;
  std::vector<Index> order;
  const std::function<void(double, double)> extend = [&](double probability, double left) {
    if (order.size() == k) {
      std::vector<Index> mask = order;
      std::sort(mask.begin(), mask.end());
      exact[mask] += probability;
      return;
    }
    for (Index i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0 || std::find(order.begin(), order.end(), i) != order.end()) continue;
      order.push_back(i);
      extend(probability * counts[i] / left, left - counts[i]);
      order.pop_back();
    }
  };
  double total = 0;
  for (const std::uint32_t count : counts) total += count;
  extend(1, total);
  return exact;
}

// Line 15 in words: draws from all votes, rejecting repeats, until there are k.
std::vector<Index> draw_and_reject(std::mt19937_64& random, const Counts& counts, std::size_t k) {
  std::vector<Index> ballots;
  for (Index i = 0; i < counts.size(); ++i) ballots.insert(ballots.end(), counts[i], i);
  std::set<Index> mask;
  while (mask.size() < k) mask.insert(ballots[random() % ballots.size()]);
  return {mask.begin(), mask.end()};
}

// A choice of k among few coordinates, and the value that chi-square passes once in a million
// seeds, with one degree of freedom less than there are sets.
struct SmallCase {
  Counts counts;
  std::size_t k;
  std::size_t sets;
  double bound;
};

std::vector<SmallCase> small_cases() {
  return {{.counts = {1, 2, 3}, .k = 2, .sets = 3, .bound = 27.7},
          {.counts = {4, 0, 3, 2, 1}, .k = 3, .sets = 4, .bound = 30.7},
          {.counts = {1, 1, 10, 1, 1}, .k = 2, .sets = 10, .bound = 44.9},
          {.counts = {5, 1, 0, 2, 1, 3, 1}, .k = 3, .sets = 20, .bound = 63.7}};
}

void expect_exact(const SmallCase& c,
                  const std::function<std::vector<Index>(std::uint64_t round)>& select) {
  constexpr int kDraws = 40000;
  std::map<std::vector<Index>, int> drawn;
  for (std::uint64_t round = 0; round < kDraws; ++round) ++drawn[select(round)];
  const auto exact = exact_probabilities(c.counts, c.k);
  ASSERT_EQ(exact.size(), c.sets);
  double chi_square = 0;
  int seen = 0;
  for (const auto& [mask, probability] : exact) {
    const double expected = probability * kDraws;
    ASSERT_GT(expected, 100);  // far inside the range of the chi-square approximation
    chi_square += (drawn[mask] - expected) * (drawn[mask] - expected) / expected;
    seen += drawn[mask];
  }
  EXPECT_EQ(seen, kDraws);  // no other sets
  EXPECT_LT(chi_square, c.bound);
}

TEST(RandomSelection, TakesEachSetWithItsExactProbability) {
  for (const SmallCase& c : small_cases()) {
    SCOPED_TRACE(c.sets);
    const VoteTally votes = tally_of(c.counts);
    expect_exact(c, [&](std::uint64_t round) { return random_selection(votes, c.k, 11, round); });
  }
}

TEST(RandomSelection, HasTheDistributionOfDrawingUntilKAreDistinct) {
  // The loop has the same probabilities as random_selection above.
  for (const SmallCase& c : small_cases()) {
    SCOPED_TRACE(c.sets);
    std::mt19937_64 random(12);
    expect_exact(c, [&](std::uint64_t) { return draw_and_reject(random, c.counts, c.k); });
  }
}

TEST(RandomSelection, IsTheSameForeverAndEverywhere) {
  // From tests/golden/compress/make_golden.py, another implementation.
  Counts counts(40);
  for (std::uint32_t i = 0; i < 40; ++i) counts[i] = i * i % 7;
  const auto golden = ElementsAre(1, 2, 4, 5, 6, 9, 12, 17, 19, 22, 23, 25, 30, 31, 32, 37);
  EXPECT_THAT(random_selection(tally_of(counts), 16, 7, 9), golden);
  EXPECT_THAT(random_selection_by_scanning(counts, 16, 7, 9), golden);
}

TEST(RandomSelection, NeverTakesACoordinateWithoutAVote) {
  std::mt19937_64 random(3);
  for (std::uint64_t round = 0; round < 200; ++round) {
    std::vector<std::vector<Index>> supports(3);
    for (auto& support : supports) support = random_support(random, 1000, 20);
    const VoteCounts votes = counted(1000, supports);
    const auto mask = random_selection(tallied(1000, supports), 20, 4, round);
    ASSERT_EQ(mask.size(), 20U);
    ASSERT_TRUE(std::is_sorted(mask.begin(), mask.end(), std::less_equal<>()));
    for (const Index i : mask) ASSERT_GT(votes.counts()[i], 0U);
  }
}

TEST(RandomSelection, OfAsManyAsHaveAVoteIsAllOfThem) {
  const VoteTally votes = tally_of({0, 3, 1, 0, 0, 7, 1, 0});
  for (std::uint64_t round = 0; round < 20; ++round) {
    EXPECT_THAT(random_selection(votes, 4, 1, round), ElementsAre(1, 2, 5, 6));
  }
  EXPECT_THAT(random_selection(votes, 0, 1, 1), IsEmpty());
  EXPECT_THAT(random_selection(VoteTally(5), 0, 1, 1), IsEmpty());
}

TEST(RandomSelection, DoesNotChangeWhenWorkersArePermuted) {
  std::mt19937_64 random(5);
  std::vector<std::vector<Index>> supports(10);
  for (auto& support : supports) support = random_support(random, 2000, 50);
  std::set<std::vector<Index>> masks;
  for (int trial = 0; trial < 20; ++trial) {
    std::shuffle(supports.begin(), supports.end(), random);
    masks.insert(random_selection(tallied(2000, supports), 50, 5, 6));
  }
  EXPECT_EQ(masks.size(), 1U);
}

TEST(RandomSelection, DrawsAnewForEachSeedAndRound) {
  const VoteTally votes = tally_of(Counts(64, 1));
  std::set<std::vector<Index>> masks;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (std::uint64_t round = 0; round < 4; ++round) {
      masks.insert(random_selection(votes, 32, seed, round));
    }
  }
  EXPECT_EQ(masks.size(), 16U);  // two of C(64, 32) = 1.8e18 never agree by chance
}

TEST(RandomSelection, RefusesMoreCoordinatesThanHaveAVote) {
  const Counts counts = {1, 0, 2};
  const auto refused =
      ThrowsMessage<std::invalid_argument>("random_selection: k = 3 of 2 coordinates with a vote");
  EXPECT_THAT([&] { (void)random_selection(tally_of(counts), 3, 1, 1); }, refused);
  EXPECT_THAT([&] { (void)random_selection_by_scanning(counts, 3, 1, 1); }, refused);
}

}  // namespace
}  // namespace mvsgd::compress
