// A list coded by ranks has the bits of its ranks, and is a subset of its superset.
#include "compress/positions/rank_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/entropy_codec.hpp"
#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

TEST(RankCodec, HasTheIdTheParameterAndTheBitsOfTheCodecOfRanks) {
  const auto of_ranks = std::make_shared<BlockPositionCodec>(5, 4);
  const RankCodec codec(of_ranks, {2, 3, 5, 7, 11});
  EXPECT_EQ(codec.id(), of_ranks->id());
  EXPECT_EQ(codec.parameter(), 4U);
  EXPECT_FALSE(codec.is_data_dependent());
  EXPECT_TRUE(RankCodec(std::make_shared<EntropyCodec>(5), {2, 3, 5, 7, 11}).is_data_dependent());
  // Ranks 1, 3 and 4: 3 in the first block, 1 in the last.
  const Coded coded = encode(codec, {3, 7, 11});
  EXPECT_EQ(coded.bytes, bits_of("1 10  1 11  0  1 00  0").bytes);
  EXPECT_EQ(coded.size, Bits(11));
  EXPECT_EQ(codec.size(Set{3, 7, 11}), Bits(11));
  EXPECT_THAT(decode(codec, coded, 3), ElementsAre(3, 7, 11));
}

TEST(RankCodec, ReadsBackEverySubsetOfEverySet) {
  for (std::uint32_t superset = 1; superset < 1U << 7; ++superset) {
    const Set members = subset(superset);
    const RankCodec codec(std::make_shared<BlockPositionCodec>(members.size(), 3), members);
    for (std::uint32_t mask = superset;; mask = (mask - 1) & superset) {
      const Set list = subset(mask);
      const Coded coded = encode(codec, list);
      ASSERT_EQ(coded.size, codec.size(list));
      ASSERT_EQ(decode(codec, coded, list.size()), list);
      if (mask == 0) break;
    }
  }
}

TEST(RankCodec, RefusesWhatIsNoSubsetAndWritesNothing) {
  const RankCodec codec(std::make_shared<BlockPositionCodec>(3, 2), {2, 3, 5});
  BitWriter out;
  out.put(1, 1);
  EXPECT_THAT(
      [&] {
        codec.encode(Set{3, 4}, out);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("subset[1] = 4 is not in")));
  EXPECT_THROW((void)codec.size(Set{4}), std::invalid_argument);
  EXPECT_EQ(out.size(), Bits(1));
}

TEST(RankCodec, RefusesARankThatIsNotBelowK) {
  const auto of_four = std::make_shared<BlockPositionCodec>(4, 4);
  const RankCodec codec(of_four, {2, 3, 5});
  EXPECT_THAT(
      [&] {
        (void)decode(codec, encode(*of_four, {1, 3}), 2);
      },
      ThrowsMessage<DecodeError>(HasSubstr("ranks[1] = 3")));
}

TEST(RankCodec, NeedsACodecOfRanks) {
  EXPECT_THROW(RankCodec(nullptr, {1, 2}), std::invalid_argument);
}

TEST(OutsideRankCodec, HasTheIdTheParameterAndTheBitsOfTheCodecOfRanks) {
  const auto of_ranks = std::make_shared<BlockPositionCodec>(7, 4);
  const OutsideRankCodec codec(of_ranks, {2, 3, 5, 7, 11}, 12);
  EXPECT_EQ(codec.id(), of_ranks->id());
  EXPECT_EQ(codec.parameter(), 4U);
  EXPECT_FALSE(codec.is_data_dependent());
  // Of ranks 0, 2 and 6 among 0, 1, 4, 6, 8, 9, 10: two in the first block.
  const Coded coded = encode(codec, {0, 4, 10});
  EXPECT_EQ(coded.bytes, bits_of("1 00  1 01  0  1 01  0").bytes);
  EXPECT_EQ(codec.size(Set{0, 4, 10}), Bits(11));
  EXPECT_THAT(decode(codec, coded, 3), ElementsAre(0, 4, 10));
}

TEST(OutsideRankCodec, ReadsBackEverySetOutsideEverySet) {
  constexpr std::uint32_t kAll = (1U << 7) - 1;
  for (std::uint32_t excluded = 0; excluded < kAll; ++excluded) {
    const std::uint32_t others = kAll & ~excluded;
    const OutsideRankCodec codec(std::make_shared<BlockPositionCodec>(subset(others).size(), 3),
                                 subset(excluded), 7);
    for (std::uint32_t mask = others;; mask = (mask - 1) & others) {
      const Set list = subset(mask);
      ASSERT_EQ(decode(codec, encode(codec, list), list.size()), list);
      if (mask == 0) break;
    }
  }
}

TEST(OutsideRankCodec, RefusesWhatItExcludesAndRanksBeyondTheOthers) {
  const auto of_four = std::make_shared<BlockPositionCodec>(4, 4);
  const OutsideRankCodec codec(of_four, {2, 3, 5}, 6);  // three others
  BitWriter out;
  EXPECT_THROW(codec.encode(Set{1, 3}, out), std::invalid_argument);
  EXPECT_EQ(out.size(), Bits(0));
  EXPECT_THAT(
      [&] {
        (void)decode(codec, encode(*of_four, {1, 3}), 2);
      },
      ThrowsMessage<DecodeError>(HasSubstr("ranks[1] = 3")));
  EXPECT_THROW(OutsideRankCodec(nullptr, {1, 2}, 5), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
