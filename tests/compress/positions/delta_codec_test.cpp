// The delta code has the bits that its header draws, and for a given number of changes costs
// exactly what it says. Its decoder takes those bits and no others.
#include "compress/positions/delta_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <random>
#include <set>
#include <vector>

#include "compress/positions/block_position_codec.hpp"
#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

std::uint64_t changes(const Set& previous, const Set& mask) {
  Set added;
  std::set_difference(mask.begin(), mask.end(), previous.begin(), previous.end(),
                      std::back_inserter(added));
  return added.size();
}

TEST(DeltaCodec, ExampleOfTheHeaderHasItsBits) {
  const DeltaCodec codec(16, {1, 6, 7, 12});
  const Coded coded = encode(codec, {1, 7, 9, 12});
  // r, the list of those that left, the list of the new ones; lowest bits first.
  EXPECT_EQ(coded.bytes, bits_of("100  1 1 0  0  0  1 01 0  0").bytes);
  EXPECT_EQ(coded.size, Bits(13));
  EXPECT_EQ(codec.size(1), Bits(13));
  EXPECT_THAT(decode(codec, coded, 4), ElementsAre(1, 7, 9, 12));
}

TEST(DeltaCodec, ReadsBackEverySetAgainstEveryOtherAtExactlyItsSize) {
  for (std::uint32_t d = 1; d <= 8; ++d) {
    for (std::uint32_t before = 0; before < 1U << d; ++before) {
      const Set previous = subset(before);
      const DeltaCodec codec(d, previous);
      for (std::uint32_t after = 0; after < 1U << d; ++after) {
        if (std::popcount(after) != std::popcount(before)) continue;
        const Set mask = subset(after);
        const Coded coded = encode(codec, mask);
        ASSERT_EQ(coded.size, codec.size(changes(previous, mask)));
        ASSERT_EQ(decode(codec, coded, mask.size()), mask) << "d " << d;
      }
    }
  }
}

TEST(DeltaCodec, ShortestBlockIsTheShortestOfAllPowersOfTwo) {
  for (const std::uint64_t n : {1U, 2U, 12U, 100U, 111740U, 11173962U, ~0U}) {
    for (const std::uint64_t count : {0U, 1U, 2U, 5U, 11U, 99U, 11174U}) {
      if (count > n) continue;
      const std::uint64_t best = shortest_block(n, count);
      EXPECT_TRUE(std::has_single_bit(best));
      const Bits least = BlockPositionCodec(n, best).size(count);
      for (unsigned w = 0; w < 32; ++w) {
        const std::uint64_t block = std::uint64_t{1} << w;
        const Bits size = BlockPositionCodec(n, block).size(count);
        EXPECT_TRUE(size > least || (size == least && best <= block)) << n << " " << count;
      }
    }
  }
  EXPECT_EQ(shortest_block(11173962, 111740), 64U);
  EXPECT_EQ(shortest_block(111740, 11174), 8U);
}

TEST(DeltaCodec, WithoutAChangeOnlySaysSo) {
  const Set previous = random_support(1000, 100, 1);
  const DeltaCodec codec(1000, previous);
  EXPECT_EQ(codec.size(0), Bits(7));  // bit_width(100)
  EXPECT_EQ(encode(codec, previous).size, Bits(7));
  EXPECT_EQ(decode(codec, encode(codec, previous), 100), previous);
  // All coordinates or none: there is no choice.
  EXPECT_EQ(encode(DeltaCodec(3, {0, 1, 2}), {0, 1, 2}).size, Bits(0));
  EXPECT_EQ(encode(DeltaCodec(3, {}), {}).size, Bits(0));
}

TEST(DeltaCodec, WithNothingKeptListsOnlyTheNew) {
  const DeltaCodec codec(1000, subset(0x3ff));
  Set mask(10);
  for (Index j = 0; j < 10; ++j) mask[j] = 100 + 7 * j;
  EXPECT_EQ(codec.size(10), Bits(4) + BlockPositionCodec(990, 64).size(10));
  const Coded coded = encode(codec, mask);
  EXPECT_EQ(coded.size, codec.size(10));
  EXPECT_EQ(decode(codec, coded, 10), mask);
}

TEST(DeltaCodec, ReadsBackMasksOfEveryOverlap) {
  constexpr std::uint64_t kD = 20011;
  constexpr std::size_t kK = 400;
  const Set previous = random_support(kD, kK, 1);
  const DeltaCodec codec(kD, previous);
  for (const std::size_t kept : {0U, 1U, 100U, 200U, 201U, 399U, 400U}) {
    std::set<Index> mask(previous.begin(), previous.begin() + static_cast<std::ptrdiff_t>(kept));
    for (const Index i : random_support(kD, 2 * kK, 2)) {
      if (mask.size() < kK && !std::binary_search(previous.begin(), previous.end(), i)) {
        mask.insert(i);
      }
    }
    const Set wanted(mask.begin(), mask.end());
    const Coded coded = encode(codec, wanted);
    EXPECT_EQ(coded.size, codec.size(kK - kept));
    EXPECT_EQ(decode(codec, coded, kK), wanted);
  }
}

TEST(DeltaCodec, RefusesEveryTruncation) {
  const DeltaCodec codec(500, random_support(500, 50, 1));
  const Coded coded = encode(codec, random_support(500, 50, 2));
  for (std::uint64_t size = 0; size < coded.size.count(); ++size) {
    BitReader in(coded.bytes, Bits(size));
    ASSERT_THROW((void)codec.decode(in, 50), DecodeError) << size << " bits";
  }
}

TEST(DeltaCodec, RefusesMoreChangesThanThereCanBe) {
  const DeltaCodec codec(9, {0, 1, 2, 3, 4});  // at most 4, since 4 are outside
  EXPECT_THAT([&] { (void)decode(codec, bits_of("101"), 5); },
              ThrowsMessage<DecodeError>("delta code: 5 new positions of at most 4, before bit 3"));
  EXPECT_THROW((void)codec.size(5), std::invalid_argument);
}

TEST(DeltaCodec, IsAPositionCodecOfOneCountWhoseSizeDependsOnTheSet) {
  const DeltaCodec codec(16, {1, 6, 7, 12});
  EXPECT_EQ(codec.id(), 6);
  EXPECT_EQ(codec.parameter(), 0U);
  EXPECT_TRUE(codec.is_data_dependent());
  EXPECT_EQ(codec.size(Set{1, 7, 9, 12}), Bits(13));
  EXPECT_THAT(
      [&] {
        (void)codec.size(Set{1, 7, 9});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("3 positions, not 4")));
  EXPECT_THAT(
      [&] {
        (void)decode(codec, encode(codec, {1, 7, 9, 12}), 5);
      },
      ThrowsMessage<DecodeError>("delta code: 5 positions against 4"));
}

TEST(DeltaCodec, RefusesAListOfAnotherLengthThanR) {
  const DeltaCodec codec(16, {1, 6, 7, 12});
  EXPECT_THROW((void)decode(codec, bits_of("100  0  0  0  1 01 0  0"), 4), DecodeError);
  EXPECT_THROW((void)decode(codec, bits_of("100  1 0 1 1 0  0  0  1 01 0  0"), 4), DecodeError);
}

TEST(DeltaCodec, DecodesRandomBitsToWhatEncodesToThemOrThrows) {
  const int decoded = decoded_of_random_bits([](std::mt19937_64& random) {
    const std::uint64_t d = 1 + random() % 14;
    const Set previous = subset(static_cast<std::uint32_t>(random() % (1U << d)));
    return std::pair(DeltaCodec(d, previous), std::uint64_t{previous.size()});
  });
  EXPECT_GT(decoded, 1000);
  EXPECT_LT(decoded, 29000);
}

TEST(DeltaCodec, EncodesAndDecodesTheGoldenFile) {
  std::set<Index> mask;
  for (Index i = 30; i <= 100; ++i) mask.insert((7 * i * i + 3) % 10007);
  for (Index i = 0; i < 30; ++i) mask.insert(5 * i + 1);
  const Set wanted(mask.begin(), mask.end());
  const auto golden = golden_bytes("delta.bin");
  ASSERT_FALSE(golden.empty());
  const DeltaCodec codec(10007, golden_positions());
  EXPECT_EQ(encode(codec, wanted).bytes, golden);
  BitReader in(golden, Bits::of_bytes(golden.size()));
  EXPECT_EQ(codec.decode(in, wanted.size()), wanted);
  EXPECT_EQ(in.position(), encode(codec, wanted).size);
}

TEST(DeltaCodec, RefusesAMaskThatIsNoSetOfKAndWritesNothing) {
  const DeltaCodec codec(10, {1, 2});
  BitWriter out;
  out.put(1, 1);
  EXPECT_THAT(
      [&] {
        codec.encode(Set{3, 10}, out);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("positions[1] = 10 of d = 10")));
  EXPECT_THROW(codec.encode(Set{3, 3}, out), std::invalid_argument);
  EXPECT_THAT([&] { codec.encode(Set{3}, out); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("1 positions, not 2")));
  EXPECT_EQ(out.size(), Bits(1));
}

TEST(DeltaCodec, RefusesAPreviousMaskThatIsNoSet) {
  EXPECT_THROW(DeltaCodec(0, {}), std::invalid_argument);
  EXPECT_THROW(DeltaCodec(std::uint64_t{1} << 32, {}), std::invalid_argument);
  EXPECT_THROW(DeltaCodec(10, {3, 10}), std::invalid_argument);
  EXPECT_THROW(DeltaCodec(10, {3, 3}), std::invalid_argument);
  EXPECT_THROW((void)shortest_block(0, 0), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
