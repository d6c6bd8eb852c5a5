// The Rice code has the bits that its header draws, and its parameter is the best one for gaps of
// independent positions. position_codec_test.cpp tests the promises of every position codec.
#include "compress/positions/rice_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

// The expected bits of a gap.
double expected_bits(double d, double k, unsigned r) {
  if (k == d) return r + 1.0;
  return r - 1 / std::expm1(std::ldexp(std::log1p(-k / d), static_cast<int>(r)));
}

TEST(Rice, ExampleOfTheHeaderHasItsBits) {
  ASSERT_EQ(rice_parameter(16, 4), 1U);
  const RiceCodec codec(16, 2);
  const Coded coded = encode(codec, {1, 6, 7, 12});
  EXPECT_EQ(coded.bytes, bits_of("1 1  0 0 1 0  1 0  0 0 1 0").bytes);
  EXPECT_THAT(coded.bytes, ElementsAre(std::byte{0x53}, std::byte{0x04}));
  EXPECT_EQ(coded.size, Bits(12));
  EXPECT_EQ(codec.size(std::vector<Index>{1, 6, 7, 12}), Bits(12));
  EXPECT_THAT(decode(codec, coded, 4), ElementsAre(1, 6, 7, 12));
}

TEST(Rice, ParameterIsTheBestForGeometricGaps) {
  constexpr std::uint64_t kLargest = 0xffffffff;
  for (const std::uint64_t d : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1000},
                                std::uint64_t{11173962}, kLargest}) {
    for (std::uint64_t k = 1; k <= d; k += 1 + k / 20) {
      const unsigned chosen = rice_parameter(d, k);
      ASSERT_LE(chosen, 31U);
      double best = expected_bits(static_cast<double>(d), static_cast<double>(k), 0);
      for (unsigned r = 1; r <= 32; ++r) {
        best = std::min(best, expected_bits(static_cast<double>(d), static_cast<double>(k), r));
      }
      // The powers of p lose at most 2^-31 of themselves, and doubles less.
      ASSERT_LE(expected_bits(static_cast<double>(d), static_cast<double>(k), chosen), best + 1e-8)
          << "d " << d << ", K " << k;
    }
  }
}

TEST(Rice, ParameterIs6AtThePapersSettingAnd9AtAThousandth) {
  EXPECT_EQ(rice_parameter(11173962, 111740), 6U);
  EXPECT_EQ(rice_parameter(11173962, 11174), 9U);
  EXPECT_EQ(rice_parameter(10, 0), 0U);
  EXPECT_EQ(rice_parameter(10, 10), 0U);
  EXPECT_EQ(rice_parameter(0xffffffff, 1), 31U);
}

TEST(Rice, ParameterRefusesWhatIsNoSet) {
  EXPECT_THROW((void)rice_parameter(0, 0), std::invalid_argument);
  EXPECT_THROW((void)rice_parameter(10, 11), std::invalid_argument);
  EXPECT_THROW((void)rice_parameter(std::uint64_t{1} << 32, 1), std::invalid_argument);
}

TEST(Rice, CostsItsExpectedBitsOnUniformSupports) {
  constexpr std::size_t kD = 11173962;
  constexpr std::size_t kK = 111740;
  const Coded coded = encode(RiceCodec(kD, 64), random_support(kD, kK, 1));
  // The high part of a gap is geometric with q = .99^64 = .5256. Its variance is
  // q / (1 - q)^2 = 2.34, so the mean of K has a deviation of 1.53 / sqrt(K) = .0046. The bound is
  // five of them. The K gaps of a set of exactly K vary less.
  EXPECT_NEAR(static_cast<double>(coded.size.count()) / kK, expected_bits(100, 1, 6), 0.023);
}

TEST(Rice, RefusesAPositionOutsideTheModel) {
  const RiceCodec codec(12, 2);
  EXPECT_THAT([&] { (void)decode(codec, bits_of("11  0010  10  0010"), 4); },
              ThrowsMessage<DecodeError>("Rice code: position 12 of d = 12, before bit 12"));
}

TEST(Rice, RefusesARunThatNoGapHas) {
  const std::vector<std::byte> zeros(1000);
  comm::BitReader in(zeros, Bits(8000));
  EXPECT_THAT([&] { (void)RiceCodec(100, 1).decode(in, 1); },
              ThrowsMessage<DecodeError>(HasSubstr("zeros, at most 100")));
}

TEST(Rice, EncodesAndDecodesTheGoldenFile) {
  const auto positions = golden_positions();
  ASSERT_EQ(positions.size(), 101U);
  const auto golden = golden_bytes("rice_64.bin");
  const RiceCodec codec(10007, 64);
  EXPECT_EQ(encode(codec, positions).bytes, golden);
  EXPECT_EQ(decode(codec, {.bytes = golden, .size = codec.size(positions)}, 101), positions);
}

TEST(Rice, RefusesAModelOrParameterThatItCannotCode) {
  EXPECT_THROW(RiceCodec(0, 4), std::invalid_argument);
  EXPECT_THROW(RiceCodec(std::uint64_t{1} << 32, 4), std::invalid_argument);
  EXPECT_THROW(RiceCodec(10, 0), std::invalid_argument);
  EXPECT_THROW(RiceCodec(10, 6), std::invalid_argument);
  EXPECT_THROW(RiceCodec(10, std::uint64_t{1} << 32), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
