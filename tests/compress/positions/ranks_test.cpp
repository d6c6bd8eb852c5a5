// Ranks in a set, and outside one, name every subset once, and never a list that is not a set.
#include "compress/positions/ranks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "compress/positions/block_position_codec.hpp"
#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

TEST(Ranks, ExamplesOfTheHeaderHold) {
  const Set primes{2, 3, 5, 7, 11};
  EXPECT_THAT(ranks_of(Set{3, 7, 11}, primes), ElementsAre(1, 3, 4));
  EXPECT_THAT(members_of(Set{1, 3, 4}, primes), ElementsAre(3, 7, 11));
  EXPECT_THAT(ranks_outside(Set{0, 4, 8}, Set{2, 3, 5, 7}), ElementsAre(0, 2, 4));
  EXPECT_THAT(members_outside(Set{0, 2, 4}, Set{2, 3, 5, 7}, 9), ElementsAre(0, 4, 8));
}

TEST(Ranks, NameEverySubsetOfEverySetOnceAndInvert) {
  constexpr std::uint32_t kD = 7;
  Set all(kD);
  std::iota(all.begin(), all.end(), Index{0});
  for (std::uint32_t superset = 0; superset < 1U << kD; ++superset) {
    const Set members = subset(superset);
    // The rank of the j-th member is j. So the ranks of all subsets are all subsets of the ranks.
    for (std::uint32_t ranks = 0; ranks < 1U << members.size(); ++ranks) {
      const Set named = members_of(subset(ranks), members);
      ASSERT_EQ(ranks_of(named, members), subset(ranks));
      for (const Index member : named) ASSERT_EQ(superset >> member & 1, 1U);
    }
    const Set others = subset(~superset & ((1U << kD) - 1));
    for (std::uint32_t ranks = 0; ranks < 1U << others.size(); ++ranks) {
      const Set named = members_outside(subset(ranks), members, kD);
      ASSERT_EQ(named, members_of(subset(ranks), others));
      ASSERT_EQ(ranks_outside(named, members), subset(ranks));
    }
  }
}

TEST(Ranks, AreRefusedFromAPeerIfTheyAreOutOfRangeOrOrder) {
  const Set set{2, 3, 5};
  EXPECT_THAT(
      [&] {
        (void)members_of(Set{1, 3}, set);
      },
      ThrowsMessage<DecodeError>("members_of: ranks[1] = 3 is out of order, or not below 3"));
  EXPECT_THROW((void)members_of(Set{1, 0}, set), DecodeError);
  EXPECT_THROW((void)members_of(Set{1, 1}, set), DecodeError);
  EXPECT_THROW((void)members_of(Set{0}, Set{}), DecodeError);
  EXPECT_THROW((void)members_outside(Set{7}, set, 10), DecodeError);
  EXPECT_THROW((void)members_outside(Set{1, 1}, set, 10), DecodeError);
  EXPECT_THAT(members_outside(Set{6}, set, 10), ElementsAre(9));
}

TEST(Ranks, MarksSayWhichMembersOfASetAreInAnother) {
  for (std::uint32_t set = 0; set < 1U << 6; ++set) {
    for (std::uint32_t other = 0; other < 1U << 6; ++other) {
      const Set members = subset(set);
      const auto marks = marks_of(members, subset(other));
      ASSERT_EQ(marks.size(), members.size());
      for (std::size_t j = 0; j < marks.size(); ++j) {
        ASSERT_EQ(marks[j], other >> members[j] & 1U) << set << " " << other;
      }
    }
  }
}

TEST(Ranks, RefuseWhatIsNoSubset) {
  EXPECT_THAT(
      [&] {
        (void)ranks_of(Set{3, 4}, Set{2, 3, 5});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("subset[1] = 4 is not in")));
  EXPECT_THROW((void)ranks_of(Set{6}, Set{2, 3, 5}), std::invalid_argument);
  EXPECT_THROW((void)ranks_of(Set{3, 2}, Set{2, 3, 5}), std::invalid_argument);
  EXPECT_THROW((void)ranks_of(Set{}, Set{3, 2}), std::invalid_argument);
  EXPECT_THROW((void)members_of(Set{}, Set{3, 3}), std::invalid_argument);
  EXPECT_THAT(
      [&] {
        (void)ranks_outside(Set{1, 3}, Set{2, 3});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("set[1] = 3 is excluded")));
  EXPECT_THROW((void)ranks_outside(Set{1}, Set{3, 2}), std::invalid_argument);
  EXPECT_THROW((void)members_outside(Set{}, Set{3, 10}, 10), std::invalid_argument);
}

TEST(Ranks, OfDropsCostSixBitsInThePapersCodeInsteadOfTwelve) {
  constexpr std::uint64_t kK = 111740;  // ceil(d / 100)
  constexpr std::uint64_t kDrops = 11174;
  EXPECT_EQ(BlockPositionCodec(kK, 10).size(kDrops), comm::Bits(6 * kDrops));
  EXPECT_EQ(BlockPositionCodec(11173962, 1000).size(kDrops), comm::Bits(12 * kDrops));
}

}  // namespace
}  // namespace mvsgd::compress
