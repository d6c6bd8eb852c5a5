// The radix code has the bits that its header draws and exactly the size that it says.
// position_codec_test.cpp tests the promises of every position codec.
#include "compress/positions/radix_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "compress/positions/block_position_codec.hpp"
#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

TEST(Radix, ExampleOfTheHeaderHasItsBits) {
  const RadixCodec codec(20, 5);
  ASSERT_EQ(codec.group(), 3U);
  const Coded coded = encode(codec, {1, 6, 7, 12});
  // The flags, and 56 and 2, of the header's drawing; each number's lowest bit first.
  EXPECT_EQ(coded.bytes, bits_of("10 110 10 0   0001110 010").bytes);
  EXPECT_THAT(coded.bytes, ElementsAre(std::byte{0x2d}, std::byte{0x38}, std::byte{0x01}));
  EXPECT_EQ(coded.size, Bits(18));
  EXPECT_EQ(codec.size(4), Bits(18));
  EXPECT_THAT(decode(codec, coded, 4), ElementsAre(1, 6, 7, 12));
}

TEST(Radix, Eq14IsMetWithinHalfAPercentAtThePapersSetting) {
  constexpr std::uint64_t kD = 11173962;  // ResNet-18
  constexpr std::uint64_t kK = 111740;    // ceil(d / 100)
  const RadixCodec codec(kD, 100);
  // floor(K / 3) = 37246 groups of 20 bits, and two offsets below 10^4 in 14.
  EXPECT_EQ(codec.size(kK), Bits(2 * kK + 37246 * 20 + 14));
  const double eq14 = static_cast<double>(kD) / 100 * (std::log2(100) + 2);
  EXPECT_LT(static_cast<double>(codec.size(kK).count()), 1.005 * eq14);
  EXPECT_EQ(encode(codec, random_support(kD, kK, 1)).size, codec.size(kK));
}

TEST(Radix, GroupsHaveTheFewestBitsForAnOffset) {
  EXPECT_EQ(RadixCodec(10, 1).group(), 1U);
  EXPECT_EQ(RadixCodec(10, 64).group(), 1U);
  EXPECT_EQ(RadixCodec(10, 100).group(), 3U);   // 20 bits, 6.67; none is below 6.65
  EXPECT_EQ(RadixCodec(10, 1000).group(), 1U);  // 10 bits; 6 take 60
  EXPECT_EQ(RadixCodec(10, 129).group(), 9U);   // 64 bits, 7.11
}

TEST(Radix, NeverTakesMoreThanTheBlockPositionCode) {
  for (std::uint64_t block_size = 1; block_size <= 3000; block_size += 1 + block_size / 50) {
    const RadixCodec radix(100000, block_size);
    const BlockPositionCodec block(100000, block_size);
    for (std::uint64_t k = 0; k <= 100; ++k) ASSERT_LE(radix.size(k), block.size(k)) << block_size;
  }
}

TEST(Radix, RefusesAPositionOutOfOrderOrOutsideTheModel) {
  const RadixCodec codec(19, 5);
  // Offsets 1 2 1: 1 + 2 * 5 + 1 * 25 = 36.
  EXPECT_THAT(
      [&] { (void)decode(codec, bits_of("10 110 0 0   0010010"), 3); },
      ThrowsMessage<DecodeError>(HasSubstr("position 6 of d = 19 is out of range or order")));
  // Offsets 1 1 4: 1 + 1 * 5 + 4 * 25 = 106.
  EXPECT_THAT([&] { (void)decode(codec, bits_of("10 10 0 10   0101011"), 3); },
              ThrowsMessage<DecodeError>(HasSubstr("position 19 of d = 19 is out of range")));
}

TEST(Radix, RefusesANumberThatIsNoGroupOfOffsets) {
  const RadixCodec codec(20, 5);
  // 125 = 5^3, the lowest number that no three offsets make.
  EXPECT_THAT([&] { (void)decode(codec, bits_of("10 10 10 0   1011111"), 3); },
              ThrowsMessage<DecodeError>(HasSubstr("a group of 3 offsets is not below B to")));
}

TEST(Radix, EncodesAndDecodesTheGoldenFiles) {
  const auto positions = golden_positions();
  ASSERT_EQ(positions.size(), 101U);
  for (const std::uint64_t block_size : {100U, 129U}) {
    const auto golden = golden_bytes("radix_" + std::to_string(block_size) + ".bin");
    const RadixCodec codec(10007, block_size);
    EXPECT_EQ(encode(codec, positions).bytes, golden);
    EXPECT_EQ(decode(codec, {.bytes = golden, .size = codec.size(101)}, 101), positions);
  }
}

TEST(Radix, RefusesAModelOrBlockThatItCannotCode) {
  EXPECT_THROW(RadixCodec(0, 4), std::invalid_argument);
  EXPECT_THROW(RadixCodec(std::uint64_t{1} << 32, 4), std::invalid_argument);
  EXPECT_THROW(RadixCodec(10, 0), std::invalid_argument);
  EXPECT_THROW(RadixCodec(10, (std::uint64_t{1} << 31) + 1), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
