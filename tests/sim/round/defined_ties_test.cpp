// The definition's own choice among ties, from the same random numbers as the vote's choice.
#include "sim/round/defined_ties.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace mvsgd::sim {
namespace {

TEST(DefinedTies, ByTheIndexTheFirstOnesEnter) {
  EXPECT_EQ(defined_ties(TieBreaking::index, 1, 2, 2, 4),
            (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ(defined_ties(TieBreaking::index, 1, 2, 0, 2), (std::vector<bool>{false, false}));
}

TEST(DefinedTies, AtRandomAsManyEnterAsAreWanted) {
  for (std::size_t wanted = 0; wanted <= 70; ++wanted) {
    const auto enters = defined_ties(TieBreaking::random, 3, 4, wanted, 70);
    EXPECT_EQ(std::ranges::count(enters, true), static_cast<std::ptrdiff_t>(wanted));
  }
}

TEST(DefinedTies, AtRandomEachSetEntersEquallyOften) {
  // 2 of 5: ten sets, a thousand draws each. With 9 degrees of freedom, chi-square exceeds 45.1
  // once in a million seeds.
  std::map<std::vector<bool>, int> drawn;
  for (std::uint32_t t = 0; t < 10'000; ++t) ++drawn[defined_ties(TieBreaking::random, 5, t, 2, 5)];
  ASSERT_EQ(drawn.size(), 10U);
  double chi_square = 0;
  for (const auto& [set, count] : drawn) chi_square += (count - 1e3) * (count - 1e3) / 1e3;
  EXPECT_LT(chi_square, 45.1);
}

TEST(DefinedTies, AtRandomEachRoundAndSeedDrawsAnew) {
  std::set<std::vector<bool>> sets;
  for (const std::uint64_t seed : {1U, 2U}) {
    for (std::uint32_t t = 1; t <= 8; ++t) {
      sets.insert(defined_ties(TieBreaking::random, seed, t, 32, 64));
    }
  }
  EXPECT_EQ(sets.size(), 16U);
}

}  // namespace
}  // namespace mvsgd::sim
