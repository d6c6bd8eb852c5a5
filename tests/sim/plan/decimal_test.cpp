// Exact decimal fractions.
#include "sim/plan/decimal.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace mvsgd::sim {
namespace {

TEST(Decimal, ReadsEveryWayOfWritingANumber) {
  for (const char* text : {"0.01", ".01", "1e-2", "10E-3", "0.0100", "1.0e-02", "0.1e-1"}) {
    EXPECT_EQ(Decimal::parse(text), Decimal(1, 2)) << text;
    EXPECT_EQ(Decimal::parse(text).to_string(), "0.01") << text;
  }
  EXPECT_EQ(Decimal::parse("1e2").to_string(), "100");
  EXPECT_EQ(Decimal::parse("0").to_string(), "0");
}

TEST(Decimal, RefusesWhatIsNotANumber) {
  for (const char* text : {"", ".", "-1", "1.2.3", "1e", "e5", "0x1", "1 ", "nan", "1e99", "1e-19",
                           "12345678901234567890"}) {
    EXPECT_THROW((void)Decimal::parse(text), std::invalid_argument) << text;
  }
}

TEST(Decimal, RoundsTheProductUpExactly) {
  EXPECT_EQ(Decimal::parse("0.07").ceil_times(100), 7U);  // in doubles it is 8
  EXPECT_EQ(Decimal::parse("0.01").ceil_times(11'173'962), 111'740U);
  EXPECT_EQ(Decimal::parse("0.001").ceil_times(11'173'962), 11'174U);
  EXPECT_EQ(Decimal::parse("1").ceil_times(11'173'962), 11'173'962U);
  EXPECT_EQ(Decimal::parse("1e-18").ceil_times(1), 1U);
  EXPECT_THROW((void)Decimal::parse("100").ceil_times(1ULL << 63), std::invalid_argument);
}

TEST(Decimal, RoundsTheReciprocalToTheNearestInteger) {
  EXPECT_EQ(Decimal::parse("0.01").rounded_reciprocal(), 100U);
  EXPECT_EQ(Decimal::parse("0.03").rounded_reciprocal(), 33U);
  EXPECT_EQ(Decimal::parse("0.4").rounded_reciprocal(), 3U);  // 2.5, halves up
  EXPECT_EQ(Decimal::parse("0.9").rounded_reciprocal(), 1U);
  EXPECT_THROW((void)Decimal().rounded_reciprocal(), std::invalid_argument);
}

TEST(Decimal, RoundsTheReciprocalOfAMultiple) {
  EXPECT_EQ(Decimal::parse("0.01").rounded_reciprocal(10), 10U);
  EXPECT_EQ(Decimal::parse("0.01").rounded_reciprocal(3), 33U);
  EXPECT_EQ(Decimal::parse("0.01").rounded_reciprocal(40), 3U);   // 2.5, halves up
  EXPECT_EQ(Decimal::parse("0.01").rounded_reciprocal(41), 2U);   // 2.44
  EXPECT_EQ(Decimal::parse("0.01").rounded_reciprocal(100), 1U);  // n x = 1
  EXPECT_EQ(Decimal::parse("0.01").rounded_reciprocal(65'535), 1U);
  EXPECT_EQ(Decimal::parse("1").rounded_reciprocal(10), 1U);
  EXPECT_THROW((void)Decimal::parse("0.01").rounded_reciprocal(0), std::invalid_argument);
  EXPECT_THROW((void)Decimal().rounded_reciprocal(10), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::sim
