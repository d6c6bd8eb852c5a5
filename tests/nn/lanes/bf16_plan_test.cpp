// How sums of bfloat16 convolutions are cut. The cut is part of their results.
#include "nn/lanes/bf16_plan.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace mvsgd::nn::lanes {
namespace {

void expect_cut(std::int64_t channels, std::int64_t taps, std::int64_t channel_pairs,
                std::int64_t pairs, std::int64_t steps) {
  const Cut cut = cut_of_row(channels, taps);
  EXPECT_EQ(cut.channel_pairs, channel_pairs) << channels << ' ' << taps;
  EXPECT_EQ(cut.pairs, pairs) << channels << ' ' << taps;
  EXPECT_EQ(cut.steps, steps) << channels << ' ' << taps;
}

TEST(Cut, OfAMultipleOf32ChannelsIsATapAnd32ChannelsAProduct) {
  expect_cut(32, 3, 16, 16, 3);
  expect_cut(64, 3, 32, 16, 6);
  expect_cut(512, 3, 256, 16, 48);
  expect_cut(64, 1, 32, 16, 2);
}

TEST(Cut, OfFewChannelsJoinsTheTapsOfARow) {
  expect_cut(3, 3, 2, 6, 1);
  expect_cut(8, 3, 4, 12, 1);
  expect_cut(16, 3, 8, 12, 2);
  expect_cut(16, 2, 8, 16, 1);
  expect_cut(40, 3, 20, 15, 4);
}

TEST(Cut, PadsChannelsWhereThatSavesProducts) {
  expect_cut(74, 1, 39, 13, 3);  // 37 pairs, a prime number, would take 37 products
  expect_cut(11, 3, 6, 9, 2);
}

TEST(Cut, CoversEveryPairOfARowOnce) {
  for (std::int64_t channels = 1; channels <= 130; ++channels) {
    for (std::int64_t taps = 1; taps <= 7; ++taps) {
      const Cut cut = cut_of_row(channels, taps);
      EXPECT_EQ(cut.pairs * cut.steps, taps * cut.channel_pairs);
      EXPECT_GE(2 * cut.channel_pairs, channels);
      EXPECT_LE(cut.pairs, kTileSide);
      EXPECT_LE(cut.steps, taps * ((channels + 31) / 32));
    }
  }
}

}  // namespace
}  // namespace mvsgd::nn::lanes
