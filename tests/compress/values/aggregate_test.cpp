// The aggregate is the sum in worker order, divided once.
#include "compress/values/aggregate.hpp"

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

TEST(Aggregate, AddsOneWorkerAfterTheOther) {
  // In float32 (1e8 + 1) - 1e8 is 0, and (1e8 - 1e8) + 1 is 1.
  std::vector<float> sum = {1e8F, 1e8F};
  add_values(std::vector{1.0F, -1e8F}, sum);
  add_values(std::vector{-1e8F, 1.0F}, sum);
  EXPECT_THAT(sum, ElementsAre(0.0F, 1.0F));
}

TEST(Aggregate, DividesAndDoesNotMultiplyByTheInverse) {
  static_assert(9.0F * 0.1F != 0.9F);
  std::vector<float> sum = {9.0F, 7.0F, -0.0F};
  divide_by_workers(10, sum);
  EXPECT_THAT(sum, ElementsAre(0.9F, 0.7F, -0.0F));
  EXPECT_TRUE(std::signbit(sum[2]));
}

TEST(Aggregate, EqualsTheSumOfEachCoordinateWhateverTheLength) {
  std::mt19937_64 random(1);
  constexpr std::uint32_t kWorkers = 10;
  for (const std::size_t d : {0U, 1U, 7U, 64U, 1001U}) {
    std::vector<std::vector<float>> values(kWorkers, std::vector<float>(d));
    for (auto& of_worker : values) {
      for (float& x : of_worker) x = static_cast<float>(random() >> 40) * 1e-9F - 8e-3F;
    }
    std::vector<float> sum = values[0];
    for (std::uint32_t n = 1; n < kWorkers; ++n) add_values(values[n], sum);
    divide_by_workers(kWorkers, sum);
    for (std::size_t i = 0; i < d; ++i) {
      float expected = values[0][i];
      for (std::uint32_t n = 1; n < kWorkers; ++n) expected += values[n][i];
      ASSERT_EQ(sum[i], expected / 10.0F) << i << " of " << d;
    }
  }
}

TEST(Aggregate, RefusesOtherLengthsAndNoWorkers) {
  std::vector<float> sum = {1.0F, 2.0F};
  EXPECT_THAT([&] { add_values(std::vector{1.0F}, sum); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("lengths 1 and 2")));
  EXPECT_THROW(divide_by_workers(0, sum), std::invalid_argument);
  EXPECT_THAT(sum, ElementsAre(1.0F, 2.0F));
}

}  // namespace
}  // namespace mvsgd::compress
