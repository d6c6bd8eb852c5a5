// Client sampling: which workers take part in a round.
#include "sim/plan/participation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace mvsgd::sim {
namespace {

using testing::ElementsAre;
using Workers = std::vector<std::uint32_t>;

Settings settings_of(std::uint32_t workers, std::uint64_t seed = 1) {
  Settings settings;
  settings.workers = workers;
  settings.seed = seed;
  return settings;
}

Round round_of(std::uint32_t t, std::uint32_t absent) {
  Round round;
  round.t = t;
  round.absent = absent;
  return round;
}

/// sum (count - mean)^2 / mean over all cells.
template <typename Key>
double chi_square(const std::map<Key, std::size_t>& counts, std::size_t cells, double mean) {
  double sum = static_cast<double>(cells - counts.size()) * mean;
  for (const auto& [key, count] : counts) {
    const double off = static_cast<double>(count) - mean;
    sum += off * off / mean;
  }
  return sum;
}

TEST(Participation, IsAFixedFunctionOfSeedAndRound) {
  const Settings ten = settings_of(10);
  // By a Philox4x64-10 and a Floyd's method written in Python from the header's words.
  EXPECT_THAT(participants(ten, round_of(1, 7)), ElementsAre(1, 5, 8));
  EXPECT_THAT(participants(ten, round_of(2, 7)), ElementsAre(2, 4, 9));
  EXPECT_THAT(participants(ten, round_of(3, 7)), ElementsAre(1, 2, 9));
  EXPECT_THAT(participants(settings_of(10, 2), round_of(1, 7)), ElementsAre(3, 7, 8));
  EXPECT_THAT(participants(ten, round_of(1, 1)), ElementsAre(0, 1, 2, 3, 5, 6, 7, 8, 9));
  EXPECT_THAT(participants(settings_of(65'535), round_of(7, 65'531)),
              ElementsAre(15903, 16528, 30351, 46956));
}

TEST(Participation, TakesAllWhereNobodyIsAbsent) {
  EXPECT_THAT(participants(settings_of(4), round_of(3, 0)), ElementsAre(0, 1, 2, 3));
  EXPECT_TRUE(takes_part(settings_of(4), round_of(3, 0), 3));
}

TEST(Participation, IsAStrictlyIncreasingSetOfTheRightSizeForAnyNumber) {
  for (std::uint32_t workers = 1; workers <= 40; ++workers) {
    for (std::uint32_t absent = 0; absent < workers; ++absent) {
      const Round round = round_of(workers + absent, absent);
      const Workers some = participants(settings_of(workers), round);
      EXPECT_EQ(some.size(), workers - absent);
      EXPECT_EQ(std::ranges::adjacent_find(some, std::greater_equal()), some.end());
      EXPECT_LT(some.back(), workers);
      for (std::uint32_t n = 0; n < workers; ++n) {
        EXPECT_EQ(takes_part(settings_of(workers), round, n),
                  std::ranges::find(some, n) != some.end());
      }
    }
  }
}

TEST(Participation, DrawsEachSetEquallyOften) {
  constexpr std::uint32_t kRounds = 40'000;
  std::map<Workers, std::size_t> counts;
  for (std::uint32_t t = 1; t <= kRounds; ++t) {
    ++counts[participants(settings_of(6), round_of(t, 3))];
  }
  // 19 degrees of freedom: mean 19, standard deviation sqrt(38); five of them above.
  EXPECT_LT(chi_square(counts, 20, kRounds / 20.0), 19 + 5 * 6.2);
}

TEST(Participation, OfARoundSaysNothingAboutTheNextOneNorAboutThatOfTheNextSeed) {
  constexpr std::uint32_t kRounds = 40'000;
  std::map<std::pair<Workers, Workers>, std::size_t> by_round;
  std::map<std::pair<Workers, Workers>, std::size_t> by_seed;
  for (std::uint32_t t = 1; t <= kRounds; ++t) {
    const Workers now = participants(settings_of(5, 7), round_of(t, 3));
    ++by_round[{now, participants(settings_of(5, 7), round_of(t + 1, 3))}];
    ++by_seed[{now, participants(settings_of(5, 8), round_of(t, 3))}];
  }
  // 100 pairs of sets, 99 degrees of freedom: standard deviation sqrt(198).
  EXPECT_LT(chi_square(by_round, 100, kRounds / 100.0), 99 + 5 * 14.1);
  EXPECT_LT(chi_square(by_seed, 100, kRounds / 100.0), 99 + 5 * 14.1);
}

}  // namespace
}  // namespace mvsgd::sim
