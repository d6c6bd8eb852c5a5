// The blocks of each list of positions.
#include "sim/plan/round_shape.hpp"

#include <gtest/gtest.h>

#include "sim/plan/presets.hpp"

namespace mvsgd::sim {
namespace {

using comm::Kind;

constexpr std::uint64_t kD = 11'173'962;  // K = 111,740, K_ad = 11,174

/// B of `kind` in the first sparse round that has it, 0 if none has.
std::uint64_t block_of(Kind kind, const Settings& settings, std::uint64_t d) {
  for (const Round& round : plain_rounds(0, 2)) {
    for (const MessageShape& message : round_shape(settings, dimensions(settings, d, 0), round)) {
      if (message.kind == kind) return message.block;
    }
  }
  return 0;
}

TEST(RoundShape, HasThePapersBlocksWhereTheSettingsSayNothing) {
  const Settings& of = preset("ssgd-mv-ad").settings;
  EXPECT_EQ(block_of(Kind::vote, of, kD), 100U);
  EXPECT_EQ(block_of(Kind::mask, of, kD), 100U);
  EXPECT_EQ(block_of(Kind::add, of, kD), 1000U);
  EXPECT_EQ(block_of(Kind::drop, of, kD), 1000U);
}

TEST(RoundShape, HasBlocksOfAUnionForNSupports) {
  const Settings& of = preset("top-k").settings;
  EXPECT_EQ(block_of(Kind::vote, of, kD), 100U);
  EXPECT_EQ(block_of(Kind::mask, of, kD), 10U);
}

TEST(RoundShape, HasBlocksOfRanksOfKOverKadRounded) {
  Settings settings = preset("ssgd-mv-ad").settings;
  settings.drop_codec = DropCoding::rank;
  EXPECT_EQ(block_of(Kind::drop, settings, kD), 10U);
  EXPECT_EQ(block_of(Kind::add, settings, kD), 1000U);
  // K = 50 and K_ad = 20: 2.5 is rounded up.
  settings.phi_ad = Decimal(4, 3);
  EXPECT_EQ(block_of(Kind::drop, settings, 5'000), 3U);
  // No more can be dropped than there is.
  settings.phi_ad = Decimal(5, 2);
  EXPECT_EQ(block_of(Kind::drop, settings, 5'000), 1U);
}

TEST(RoundShape, HasVotesAndMasksInTheSettingsBlocksWhereTheySaySo) {
  Settings settings = preset("ssgd-mv-ad").settings;
  settings.block_size = 64;
  EXPECT_EQ(block_of(Kind::vote, settings, kD), 64U);
  EXPECT_EQ(block_of(Kind::mask, settings, kD), 64U);
  EXPECT_EQ(block_of(Kind::add, settings, kD), 1000U);
  EXPECT_EQ(block_of(Kind::drop, settings, kD), 1000U);
}

}  // namespace
}  // namespace mvsgd::sim
