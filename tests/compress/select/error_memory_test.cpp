// The error memory does what Algorithm 1 lines 9, 20 and 22 say, bit for bit.
#include "compress/select/error_memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

namespace mvsgd::compress {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(ErrorMemory, AddsTheDifferenceBeforeTheOldError) {
  // In float32 (1e8 - 1e8) + 1 is 1, while 1e8 + (1 - 1e8) is 0: the order is part of the result.
  std::vector<float> e = {1.0F, 0.25F};
  add_difference(std::vector{1e8F, 2.0F}, std::vector{1e8F, 0.5F}, e);
  EXPECT_THAT(e, ElementsAre(1.0F, 1.75F));
}

TEST(ErrorMemory, GathersValuesInTheOrderOfTheMask) {
  std::vector<float> values(3);
  gather(std::vector{10.0F, 11.0F, 12.0F, 13.0F}, std::vector<Index>{0, 2, 3}, values);
  EXPECT_THAT(values, ElementsAre(10.0F, 12.0F, 13.0F));
}

TEST(ErrorMemory, KeepsWhatWasNotSent) {
  std::vector<float> e = {1.0F, -2.0F, 3.0F};
  subtract_sent(std::vector<Index>{0, 2}, std::vector{0.75F, 3.0F}, e);
  EXPECT_THAT(e, ElementsAre(0.25F, -2.0F, 0.0F));
}

TEST(ErrorMemory, IsPlusZeroWhereTheValueWentOutAsItWas) {
  std::vector<float> e = {-1.5F, 0.0F, -0.0F, 1e-45F, 3e38F};
  const std::vector<Index> mask = {0, 1, 2, 3, 4};
  std::vector<float> sent(5);
  gather(e, mask, sent);
  subtract_sent(mask, sent, e);
  for (const float rest : e) {
    EXPECT_EQ(rest, 0.0F);
    EXPECT_FALSE(std::signbit(rest));
  }
}

TEST(ErrorMemory, SentAndKeptAddUpToTheDifference) {
  // Without quantisation each coordinate is either sent whole or kept whole, so this is exact.
  std::mt19937_64 random(1);
  std::vector<float> difference(1000);
  for (float& x : difference) x = static_cast<float>(static_cast<std::int64_t>(random())) * 1e-20F;
  std::vector<Index> mask;
  for (Index i = 0; i < difference.size(); ++i) {
    if (random() % 10 == 0) mask.push_back(i);
  }
  std::vector<float> e = difference;
  std::vector<float> sent(mask.size());
  gather(e, mask, sent);
  subtract_sent(mask, sent, e);
  scatter_add(mask, sent, e);
  EXPECT_EQ(e, difference);
}

TEST(ErrorMemory, ScattersByAdding) {
  std::vector<float> y = {1.0F, 2.0F, 3.0F};
  scatter_add(std::vector<Index>{1, 2}, std::vector{0.5F, -3.0F}, y);
  EXPECT_THAT(y, ElementsAre(1.0F, 2.5F, 0.0F));
}

TEST(ErrorMemory, RefusesLengthsThatDifferAndChangesNothing) {
  std::vector<float> e = {1.0F, 2.0F};
  const std::vector<float> one(1);
  const std::vector<float> two(2);
  const std::vector<Index> mask = {0};
  EXPECT_THAT([&] { add_difference(one, two, e); },
              ThrowsMessage<std::invalid_argument>("add_difference: lengths 1 and 2"));
  EXPECT_THROW(add_difference(two, one, e), std::invalid_argument);
  EXPECT_THROW(gather(two, mask, e), std::invalid_argument);
  EXPECT_THROW(subtract_sent(mask, two, e), std::invalid_argument);
  EXPECT_THROW(scatter_add(mask, two, e), std::invalid_argument);
  EXPECT_THAT(e, ElementsAre(1.0F, 2.0F));
}

TEST(ErrorMemory, RefusesAnIndexOutOfRangeAndChangesNothing) {
  std::vector<float> e = {1.0F, 2.0F};
  const std::vector<Index> mask = {0, 2};
  const std::vector<float> values = {5.0F, 5.0F};
  EXPECT_THAT([&] { subtract_sent(mask, values, e); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("index 2 of d = 2")));
  EXPECT_THROW(scatter_add(mask, values, e), std::invalid_argument);
  EXPECT_THROW(gather(values, mask, e), std::invalid_argument);
  EXPECT_THAT(e, ElementsAre(1.0F, 2.0F));
}

}  // namespace
}  // namespace mvsgd::compress
