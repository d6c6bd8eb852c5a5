// The change code has the bits that its header draws, sends the shorter form, and is near the
// bound. Its decoder takes those bits and no others.
#include "compress/positions/change_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/entropy_codec.hpp"
#include "compress/positions/rans_codec.hpp"
#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

ChangeCodec over_blocks(std::uint64_t d, Set previous, std::uint64_t block) {
  return {d, std::move(previous), std::make_shared<BlockPositionCodec>(d, block)};
}

/// `previous` with `changed` of its members replaced.
Set altered(const Set& previous, std::uint64_t d, std::size_t changed, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::set<Index> set(previous.begin(), previous.end());
  const std::set<Index> before = set;
  while (set.size() > previous.size() - changed) set.erase(previous[random() % previous.size()]);
  while (set.size() < previous.size()) {
    const auto i = static_cast<Index>(random() % d);
    if (!before.contains(i)) set.insert(i);
  }
  return {set.begin(), set.end()};
}

double log2_binomial(double n, double k) {
  return (std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1)) / std::log(2.0);
}

TEST(ChangeCodec, ExampleOfTheHeaderHasItsBits) {
  const ChangeCodec codec = over_blocks(16, {1, 6, 7, 12}, 4);
  const Coded coded = encode(codec, {1, 7, 9, 12});
  const Coded want = bits_of("1 100 1011 100101");
  EXPECT_EQ(coded.size, want.size);
  EXPECT_EQ(coded.bytes, want.bytes);
  EXPECT_EQ(decode(codec, coded, 4), (Set{1, 7, 9, 12}));
}

TEST(ChangeCodec, ExampleOfTheReadmeHasItsBits) {
  std::ifstream file(std::string(MVSGD_TESTS_DIR) + "/golden/comm/changed_vote.bin",
                     std::ios::binary);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  const Coded coded = encode(over_blocks(18, {1, 6, 7, 12}, 4), {1, 7, 9, 12});
  EXPECT_EQ(coded.size, Bits(14));
  ASSERT_EQ(golden.size(), 24U + 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(coded.bytes[i], static_cast<std::byte>(golden[24 + i]));
  }
}

TEST(ChangeCodec, CodesEveryPairOfSetsOfASmallUniverse) {
  constexpr std::uint64_t kD = 7;
  int changes = 0;
  int wholes = 0;
  for (std::uint32_t before = 0; before < 1U << kD; ++before) {
    const ChangeCodec codec = over_blocks(kD, subset(before), 4);
    for (std::uint32_t after = 0; after < 1U << kD; ++after) {
      if (std::popcount(before) != std::popcount(after)) continue;
      const Set set = subset(after);
      const Coded coded = encode(codec, set);
      (std::to_integer<unsigned>(coded.bytes[0]) % 2 == 1 ? changes : wholes) += 1;
      ASSERT_EQ(coded.size, codec.size(set));
      ASSERT_LE(coded.size, BlockPositionCodec(kD, 4).size(set.size()) + Bits(1));
      ASSERT_EQ(decode(codec, coded, set.size()), set);
    }
  }
  EXPECT_GT(changes, 100);
  EXPECT_GT(wholes, 100);
}

TEST(ChangeCodec, IsWithinTwoPerCentOfTheBound) {
  constexpr std::uint64_t kD = 176'402;  // width 8
  constexpr std::size_t kK = 1765;
  const Set previous = random_support(kD, kK, 1);
  const ChangeCodec codec(kD, previous, std::make_shared<EntropyCodec>(kD));
  for (const std::size_t r : {200U, 450U, 900U}) {
    const double bound =
        log2_binomial(kK, static_cast<double>(r)) + log2_binomial(kD - kK, static_cast<double>(r));
    const Coded coded = encode(codec, altered(previous, kD, r, r));
    EXPECT_LT(static_cast<double>(coded.size.count()), 1.02 * bound) << r;
    EXPECT_GT(static_cast<double>(coded.size.count()), 0.98 * bound) << r;
  }
}

TEST(ChangeCodec, TakesAtMostABitMoreThanTheWholeWhereAllChanges) {
  const Set previous = random_support(20'011, 400, 1);
  const BlockPositionCodec whole(20'011, 50);
  const ChangeCodec codec = over_blocks(20'011, previous, 50);
  const Set other = altered(previous, 20'011, 400, 2);
  const Coded coded = encode(codec, other);
  EXPECT_LE(coded.size, whole.size(400) + Bits(1));
  EXPECT_EQ(decode(codec, coded, 400), other);
}

TEST(ChangeCodec, WithoutAChangeOnlySaysSo) {
  const Set previous = random_support(1000, 100, 1);
  const ChangeCodec codec = over_blocks(1000, previous, 8);
  EXPECT_EQ(encode(codec, previous).size, Bits(1 + 7));
  EXPECT_EQ(decode(codec, encode(codec, previous), 100), previous);
}

TEST(ChangeCodec, RefusesEveryTruncation) {
  const Set previous = random_support(500, 50, 1);
  const ChangeCodec codec = over_blocks(500, previous, 8);
  for (const std::size_t changed : {5U, 50U}) {
    const Coded coded = encode(codec, altered(previous, 500, changed, 2));
    for (std::uint64_t size = 0; size < coded.size.count(); ++size) {
      BitReader in(coded.bytes, Bits(size));
      ASSERT_THROW((void)codec.decode(in, 50), DecodeError) << size << " bits";
    }
  }
}

TEST(ChangeCodec, RefusesTheLongerForm) {
  const Set previous = random_support(1000, 100, 1);
  const BlockPositionCodec whole(1000, 8);
  const ChangeCodec codec = over_blocks(1000, previous, 8);
  const Coded sent_whole = coded([&](BitWriter& out) {
    out.put(0, 1);
    whole.encode(previous, out);
  });
  EXPECT_THAT([&] { (void)decode(codec, sent_whole, 100); },
              ThrowsMessage<DecodeError>(HasSubstr("a whole set that is longer than its change")));

  // A run of neighbours, of which whole sets say no more than what has been added says.
  Set run(100);
  std::iota(run.begin(), run.end(), Index{0});
  const Set far = [] {
    Set set = random_support(500, 100, 1);
    for (Index& i : set) i += 500;
    return set;
  }();
  const ChangeCodec over_entropy(1000, far, std::make_shared<EntropyCodec>(1000));
  const Coded sent_as_change = coded([&](BitWriter& out) {
    out.put(1, 1);
    out.put(100, 7);
    RansCodec(100).encode(run, out);  // all have left
    RansCodec(900).encode(run, out);
  });
  ASSERT_GE(sent_as_change.size, EntropyCodec(1000).size(run) + Bits(1));
  EXPECT_THAT([&] { (void)decode(over_entropy, sent_as_change, 100); },
              ThrowsMessage<DecodeError>(HasSubstr("a change that is no shorter than the whole")));
  EXPECT_EQ(encode(over_entropy, run).size, EntropyCodec(1000).size(run) + Bits(1));
}

TEST(ChangeCodec, RefusesMoreChangesThanThereCanBeAndAnotherCount) {
  const ChangeCodec codec = over_blocks(9, {0, 1, 2, 3, 4}, 4);  // at most 4, since 4 are outside
  EXPECT_THAT(
      [&] { (void)decode(codec, bits_of("1 101"), 5); },
      ThrowsMessage<DecodeError>("change code: 5 new positions of at most 4, before bit 4"));
  EXPECT_THAT([&] { (void)decode(codec, bits_of("1 000"), 4); },
              ThrowsMessage<DecodeError>("change code: 4 positions against 5, before bit 0"));
}

TEST(ChangeCodec, DecodesRandomBitsToWhatEncodesToThemOrThrows) {
  const int decoded = decoded_of_random_bits([](std::mt19937_64& random) {
    const std::uint64_t d = 2 + random() % 13;
    const Set previous = subset(static_cast<std::uint32_t>(random() % (1U << d)));
    return std::pair(over_blocks(d, previous, 4), std::uint64_t{previous.size()});
  });
  EXPECT_GT(decoded, 300);
  EXPECT_LT(decoded, 29'000);
}

TEST(ChangeCodec, RefusesSetsThatAreNoneAndWritesNothing) {
  const ChangeCodec codec = over_blocks(10, {1, 2}, 4);
  BitWriter out;
  out.put(1, 1);
  EXPECT_THAT(
      [&] {
        codec.encode(Set{3, 10}, out);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("positions[1] = 10 of d = 10")));
  EXPECT_THROW(codec.encode(Set{3, 3}, out), std::invalid_argument);
  EXPECT_THROW(codec.encode(Set{3}, out), std::invalid_argument);
  EXPECT_EQ(out.size(), Bits(1));
  EXPECT_THROW(over_blocks(10, {3, 10}, 4), std::invalid_argument);
  EXPECT_THROW(over_blocks(10, {3, 3}, 4), std::invalid_argument);
  EXPECT_THROW(ChangeCodec(10, {3}, nullptr), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
