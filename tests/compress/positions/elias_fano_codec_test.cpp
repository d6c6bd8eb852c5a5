// The Elias-Fano code has the bits that its header draws and exactly the size that it says.
// position_codec_test.cpp tests the promises of every position codec.
#include "compress/positions/elias_fano_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compress/positions/radix_codec.hpp"
#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

TEST(EliasFano, ExampleOfTheHeaderHasItsBits) {
  const EliasFanoCodec codec(16);
  const Coded coded = encode(codec, {1, 6, 7, 12});
  // Flags and low bits of the header's drawing, each number's lowest bit first.
  EXPECT_EQ(coded.bytes, bits_of("10 110 0 10   10 01 11 00").bytes);
  EXPECT_THAT(coded.bytes, ElementsAre(std::byte{0x4d}, std::byte{0x39}));
  EXPECT_EQ(coded.size, Bits(16));
  EXPECT_EQ(codec.size(4), Bits(16));
  EXPECT_THAT(decode(codec, coded, 4), ElementsAre(1, 6, 7, 12));
}

TEST(EliasFano, KeepsTheFloorOfLog2OfDOverKLowBits) {
  const EliasFanoCodec codec(1000);
  EXPECT_EQ(codec.low_bits(1), 9U);
  EXPECT_EQ(codec.low_bits(15), 6U);  // 66.7
  EXPECT_EQ(codec.low_bits(16), 5U);  // 62.5
  EXPECT_EQ(codec.low_bits(500), 1U);
  EXPECT_EQ(codec.low_bits(501), 0U);
  EXPECT_EQ(codec.low_bits(1000), 0U);
}

TEST(EliasFano, CostsKTimesLPlusOneAndTheBlocksAtThePapersSetting) {
  constexpr std::uint64_t kD = 11173962;                          // ResNet-18
  constexpr std::uint64_t kK = 111740;                            // ceil(d / 100)
  EXPECT_EQ(EliasFanoCodec(kD).size(kK), Bits(7 * kK + 174594));  // l = 6, ceil(d / 64)
}

TEST(EliasFano, IsTheRadixCodeOfBlocksOf2ToTheL) {
  for (const std::size_t k : {1U, 3U, 100U, 5000U, 10007U}) {
    const EliasFanoCodec codec(10007);
    const RadixCodec radix(10007, std::uint64_t{1} << codec.low_bits(k));
    const auto positions = random_support(10007, k, k);
    EXPECT_EQ(encode(codec, positions).bytes, encode(radix, positions).bytes) << k;
  }
}

TEST(EliasFano, WritesNothingForTheEmptySet) {
  EXPECT_EQ(encode(EliasFanoCodec(10), {}).size, Bits(0));
}

TEST(EliasFano, RefusesPositionsOutOfOrderOrOutsideTheModel) {
  const EliasFanoCodec codec(15);  // K = 4: l = 1, 8 blocks
  EXPECT_THAT(
      [&] { (void)decode(codec, bits_of("110 0 0 0 0 0 0 110  1 0 0 0"), 4); },
      ThrowsMessage<DecodeError>(HasSubstr("position 0 of d = 15 is out of range or order")));
  EXPECT_THAT([&] { (void)decode(codec, bits_of("10 10 10 0 0 0 0 10  0 0 0 1"), 4); },
              ThrowsMessage<DecodeError>(HasSubstr("position 15 of d = 15 is out of range")));
}

TEST(EliasFano, RefusesFlagsOfMorePositions) {
  const EliasFanoCodec codec(16);
  EXPECT_THAT([&] { (void)decode(codec, bits_of("10 110 10 11  10 01 11 00"), 4); },
              ThrowsMessage<DecodeError>(HasSubstr("one position too many")));
}

TEST(EliasFano, EncodesAndDecodesTheGoldenFile) {
  const auto positions = golden_positions();
  ASSERT_EQ(positions.size(), 101U);
  const auto golden = golden_bytes("elias_fano.bin");
  const EliasFanoCodec codec(10007);
  EXPECT_EQ(encode(codec, positions).bytes, golden);
  EXPECT_EQ(decode(codec, {.bytes = golden, .size = codec.size(101)}, 101), positions);
}

TEST(EliasFano, RefusesAModelThatItCannotCode) {
  EXPECT_THROW(EliasFanoCodec(0), std::invalid_argument);
  EXPECT_THROW(EliasFanoCodec(std::uint64_t{1} << 32), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
