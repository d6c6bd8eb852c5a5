// The random numbers of data/ are Philox's, unbiased, and separate for each purpose and place.
#include "data/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <vector>

namespace mvsgd::data {
namespace {

TEST(Draws, AreTheSameForeverAndEverywhere) {
  // From numpy.random.Philox, another implementation, which counts up before it draws: the first
  // four are Philox(key=[7, 0x6461746100000001], counter=[0, 2, 3, 0]).random_raw(4), the last is
  // Philox(key=..., counter=[0, 2, 3, 1]).random_raw().
  Draws draws(7, Purpose::kPartition, {.round = 1, .worker = 2, .index = 3});
  EXPECT_EQ(draws.bits(), 0xd8517981ec023d90);
  EXPECT_EQ(draws.bits(), 0xd0d6d5180c31b0e4);
  EXPECT_EQ(draws.bits(), 0xc43c62d1be3a965f);
  EXPECT_EQ(draws.bits(), 0xae47a55ec3a7735c);
  EXPECT_EQ(draws.bits(), 0x9fef249e9f2a2eea);
}

TEST(Draws, DifferInSeedPurposeAndEveryPartOfThePlace) {
  std::set<std::uint64_t> firsts;
  for (const std::uint64_t seed : {0U, 1U}) {
    for (const Purpose purpose : {Purpose::kPartition, Purpose::kPermutation}) {
      for (std::uint64_t bits = 0; bits < 8; ++bits) {
        const Place place{.round = bits & 1, .worker = bits >> 1 & 1, .index = bits >> 2};
        firsts.insert(Draws(seed, purpose, place).bits());
      }
    }
  }
  EXPECT_EQ(firsts.size(), 32);
}

TEST(Draws, BelowRefusesExactlyTheWordsThatWouldBiasIt) {
  // With n = 2^63 + 1 nearly half of all words are rejected. The others give word - refused, so
  // every answer is below n, and the words of the answers are the accepted ones, in order.
  constexpr std::uint64_t kN = (1ULL << 63) + 1;
  constexpr std::uint64_t kRefused = (1ULL << 63) - 1;  // 2^64 mod n
  Draws words(3, Purpose::kPartition, {});
  Draws draws(3, Purpose::kPartition, {});
  for (int i = 0; i < 1000; ++i) {
    std::uint64_t word = words.bits();
    while (word < kRefused) word = words.bits();
    ASSERT_EQ(draws.below(kN), word % kN);
  }
}

TEST(Draws, BelowTakesTheFirstWordThatIsNotRefused) {
  // Two n above 2^63: one for which a word equals 2^64 mod n, and its neighbour, for which 2^64 mod
  // n is one more.
  int below_half = 0;
  for (std::uint64_t index = 0; index < 16; ++index) {
    Draws words(3, Purpose::kPartition, {.index = index});
    const std::uint64_t word = words.bits();
    if (word >> 63 != 0) continue;
    ++below_half;
    EXPECT_EQ(Draws(3, Purpose::kPartition, {.index = index}).below(0 - word), word);
    std::uint64_t next = words.bits();
    while (next <= word) next = words.bits();
    const std::uint64_t n = 0 - word - 1;
    EXPECT_EQ(Draws(3, Purpose::kPartition, {.index = index}).below(n), next % n);
  }
  EXPECT_GT(below_half, 0);
}

TEST(Draws, BelowIsUniform) {
  constexpr int kDraws = 90000;
  std::array<int, 9> counts{};
  Draws draws(11, Purpose::kAugmentation, {});
  for (int i = 0; i < kDraws; ++i) ++counts[draws.below(9)];
  double chi2 = 0;
  for (const int count : counts) chi2 += (count - 1e4) * (count - 1e4) / 1e4;
  EXPECT_LT(chi2, 39.5);  // 8 degrees of freedom: exceeded with probability 4e-6
}

TEST(Draws, BelowOneIsZero) { EXPECT_EQ(Draws(1, Purpose::kPartition, {}).below(1), 0); }

TEST(Shuffled, IsAPermutation) {
  for (const std::uint32_t n : {0U, 1U, 2U, 1000U}) {
    auto order = shuffled(n, 5, Purpose::kPermutation, {});
    std::sort(order.begin(), order.end());
    std::vector<std::uint32_t> all(n);
    std::iota(all.begin(), all.end(), 0U);
    EXPECT_EQ(order, all);
  }
}

TEST(Shuffled, MakesEveryOrderEquallyOften) {
  constexpr std::uint64_t kShuffles = 24000;
  std::map<std::vector<std::uint32_t>, double> counts;
  for (std::uint64_t round = 0; round < kShuffles; ++round) {
    ++counts[shuffled(4, 5, Purpose::kPermutation, {.round = round})];
  }
  ASSERT_EQ(counts.size(), 24);
  double chi2 = 0;
  for (const auto& [order, count] : counts) chi2 += (count - 1e3) * (count - 1e3) / 1e3;
  EXPECT_LT(chi2, 66.6);  // 23 degrees of freedom: exceeded with probability 4e-6
}

}  // namespace
}  // namespace mvsgd::data
