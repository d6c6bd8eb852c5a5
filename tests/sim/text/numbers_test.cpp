// Numbers as people read them.
#include "sim/text/numbers.hpp"

#include <gtest/gtest.h>

namespace mvsgd::sim {
namespace {

TEST(Numbers, OfOneHaveNoPlural) {
  EXPECT_EQ(counted(0, "trial"), "0 trials");
  EXPECT_EQ(counted(1, "trial"), "1 trial");
  EXPECT_EQ(counted(1200, "trial"), "1,200 trials");
}

TEST(Numbers, HaveThreeDigitsAndNoExponentHoweverTheyRound) {
  EXPECT_EQ(three_digits(0.0225), "0.0225");
  EXPECT_EQ(three_digits(45.25), "45.2");
  EXPECT_EQ(three_digits(999.4), "999");
  EXPECT_EQ(three_digits(999.6), "1000");
  EXPECT_EQ(three_digits(1969.2), "1969");
}

}  // namespace
}  // namespace mvsgd::sim
