#include "compress/vote/random_mask.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <vector>

namespace mvsgd::compress {
namespace {

TEST(RandomMask, EqualsItsDefinition) {
  for (const std::size_t d : {1U, 2U, 63U, 64U, 65U, 1'000U, 70'001U}) {
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}, d / 100, d / 2, d - 1, d}) {
      EXPECT_EQ(random_mask(d, k, 7, 3), random_mask_by_sets(d, k, 7, 3)) << k << " of " << d;
    }
  }
}

TEST(RandomMask, HasKIncreasingCoordinatesBelowD) {
  const auto mask = random_mask(10'007, 101, 1, 1);
  EXPECT_EQ(mask.size(), 101U);
  EXPECT_EQ(std::ranges::adjacent_find(mask, std::ranges::greater_equal()), mask.end());
  EXPECT_LT(mask.back(), 10'007U);
}

TEST(RandomMask, DrawsEachSetEquallyOften) {
  // All 10 sets of 2 of 5, 20,000 draws. Chi-square with 9 degrees of freedom exceeds 33.7 with
  // probability 1e-4.
  constexpr std::uint32_t kDraws = 20'000;
  std::map<std::vector<Index>, double> drawn;
  for (std::uint32_t t = 1; t <= kDraws; ++t) ++drawn[random_mask(5, 2, 11, t)];
  ASSERT_EQ(drawn.size(), 10U);
  double chi_square = 0;
  for (const auto& [mask, count] : drawn) {
    const double expected = kDraws / 10.0;
    chi_square += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(chi_square, 33.7);
}

TEST(RandomMask, IsAFunctionOfSeedAndRound) {
  EXPECT_EQ(random_mask(1'000, 10, 1, 2), random_mask(1'000, 10, 1, 2));
  EXPECT_NE(random_mask(1'000, 10, 1, 2), random_mask(1'000, 10, 1, 3));
  EXPECT_NE(random_mask(1'000, 10, 1, 2), random_mask(1'000, 10, 2, 2));
}

TEST(RandomMask, RefusesMoreThanThereAre) {
  EXPECT_THROW((void)random_mask(10, 11, 1, 1), std::invalid_argument);
  EXPECT_THROW((void)random_mask_by_sets(10, 11, 1, 1), std::invalid_argument);
  EXPECT_THROW((void)random_mask(std::size_t{1} << 32, 1, 1, 1), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
