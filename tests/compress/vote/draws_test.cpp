// The numbers behind every draw of compress/, rejections included.
#include "compress/vote/draws.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace mvsgd::compress {
namespace {

using ::testing::ElementsAre;

TEST(Draws, AreTheSameForeverAndEverywhere) {
  // From tests/golden/compress/make_golden.py, another implementation. With n one above half of the
  // range, about every second number drawn is refused.
  Draws halves(7, Purpose::kTieBreak, 9);
  std::vector<std::uint32_t> narrow(8);
  for (auto& number : narrow) number = halves.below((1U << 31) + 1);
  EXPECT_THAT(narrow, ElementsAre(188315303U, 1652037391U, 1961926589U, 1906089860U, 1395975443U,
                                  122887531U, 1684441055U, 1705268808U));
  Draws words(7, Purpose::kRandomSelection, 9);
  std::vector<std::uint64_t> wide(8);
  for (auto& number : wide) number = words.below_wide((1ULL << 63) + 1);
  EXPECT_THAT(wide, ElementsAre(0x7da3953fe2ff3ae, 0x3e6eb3495d8e62df, 0x4fabc752fe7f1aaf,
                                0x36cb361f3f9add59, 0x2fea4632b41c8c64, 0x4db80a09d5ac0246,
                                0x72411a0ed95e500, 0x2e07b0cc8251a1f8));
}

}  // namespace
}  // namespace mvsgd::compress
