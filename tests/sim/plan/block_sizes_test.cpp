// B of each list of positions, at the paper's size.
#include "sim/plan/block_sizes.hpp"

#include <gtest/gtest.h>

#include "sim/plan/presets.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint64_t kD = 11'173'962;  // K = 111,740, K_ad = 11,174

TEST(BlockSizes, AreThePapersWhereTheSettingsSayNothing) {
  const BlockSizes sizes = block_sizes(preset("ssgd-mv-ad").settings, kD);
  EXPECT_EQ(sizes.votes, 100U);
  EXPECT_EQ(sizes.masks, 100U);
  EXPECT_EQ(sizes.adds, 1000U);
  EXPECT_EQ(sizes.drops, 1000U);
}

TEST(BlockSizes, OfAUnionIsThatOfNSupports) {
  const BlockSizes sizes = block_sizes(preset("top-k").settings, kD);
  EXPECT_EQ(sizes.votes, 100U);
  EXPECT_EQ(sizes.masks, 10U);
}

TEST(BlockSizes, OfRanksIsKOverKadRounded) {
  Settings settings = preset("ssgd-mv-ad").settings;
  settings.drop_codec = DropCoding::rank;
  EXPECT_EQ(block_sizes(settings, kD).drops, 10U);
  EXPECT_EQ(block_sizes(settings, kD).adds, 1000U);
  // K = 50 and K_ad = 20: 2.5 is rounded up.
  settings.phi_ad = Decimal(4, 3);
  EXPECT_EQ(block_sizes(settings, 5'000).drops, 3U);
  // No more can be dropped than there is.
  settings.phi_ad = Decimal(5, 2);
  EXPECT_EQ(block_sizes(settings, 5'000).drops, 1U);
}

TEST(BlockSizes, OfVotesAndMasksAreTheSettingsWhereTheySayOne) {
  Settings settings = preset("ssgd-mv-ad").settings;
  settings.block_size = 64;
  const BlockSizes sizes = block_sizes(settings, kD);
  EXPECT_EQ(sizes.votes, 64U);
  EXPECT_EQ(sizes.masks, 64U);
  EXPECT_EQ(sizes.adds, 1000U);
  EXPECT_EQ(sizes.drops, 1000U);
}

}  // namespace
}  // namespace mvsgd::sim
