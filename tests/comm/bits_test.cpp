// Bits add, compare and round up to bytes as whole numbers do.
#include "comm/bits.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace mvsgd::comm {
namespace {

TEST(Bits, RoundUpToWholeBytes) {
  EXPECT_EQ(Bits(0).bytes_ceil(), 0U);
  EXPECT_EQ(Bits(1).bytes_ceil(), 1U);
  EXPECT_EQ(Bits(8).bytes_ceil(), 1U);
  EXPECT_EQ(Bits(9).bytes_ceil(), 2U);
}

TEST(Bits, RoundUpWithoutOverflowAtTheLargestCount) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(Bits(kMost).bytes_ceil(), kMost / 8 + 1);
}

TEST(Bits, AddAndMultiplyAndCompareAsTheirCounts) {
  Bits bits = Bits(3) + Bits::of_bytes(2);
  bits += Bits(1);
  EXPECT_EQ(bits, Bits(20));
  EXPECT_EQ(3 * bits, Bits(60));
  EXPECT_LT(bits, Bits(21));
}

TEST(Bits, RatioIsTheQuotientOfTheCounts) { EXPECT_EQ(ratio(Bits(3), Bits(4)), 0.75); }

}  // namespace
}  // namespace mvsgd::comm
