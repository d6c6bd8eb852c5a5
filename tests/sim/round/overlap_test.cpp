// The overlap of two sets, also of different sizes.
#include "sim/round/overlap.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace mvsgd::sim {
namespace {

using Set = std::vector<compress::Index>;

TEST(Overlap, IsWhatBothHaveOfTheSecond) {
  EXPECT_EQ(overlap(Set{1, 2, 3}, Set{2, 3, 4, 9}), 2.0 / 4);
  EXPECT_EQ(overlap(Set{2, 3, 4, 9}, Set{1, 2, 3}), 2.0 / 3);
  EXPECT_EQ(overlap(Set{5}, Set{5}), 1);
  EXPECT_EQ(overlap(Set{4}, Set{5}), 0);
  EXPECT_EQ(overlap(Set{}, Set{5}), 0);
  EXPECT_EQ(overlap(Set{5}, Set{}), 0);
}

}  // namespace
}  // namespace mvsgd::sim
