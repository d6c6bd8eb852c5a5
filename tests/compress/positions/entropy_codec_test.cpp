// The entropy code has the bits that its header defines. It comes within two thousandths of the
// bound where there is nothing to learn, and below Rice's where there is. It reads no bits but its
// own.
#include "compress/positions/entropy_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "compress/positions/position_codecs.hpp"
#include "tests/compress/positions/coded_sets.hpp"
#include "tests/compress/positions/supports.hpp"

namespace mvsgd::compress {
namespace {

// The bits of the Golomb-Rice code of the gaps, at its best parameter.
std::uint64_t rice_bits(const std::vector<Index>& positions) {
  std::uint64_t least = ~std::uint64_t{0};
  for (unsigned r = 0; r < 32; ++r) {
    std::uint64_t bits = 0;
    std::uint64_t next = 0;
    for (const Index position : positions) {
      bits += ((position - next) >> r) + 1 + r;
      next = std::uint64_t{position} + 1;
    }
    least = std::min(least, bits);
  }
  return least;
}

TEST(EntropyCodec, ExampleOfTheHeaderHasItsBits) {
  const EntropyCodec codec(32);
  const Coded coded = encode(codec, {1, 9, 10, 29});
  EXPECT_EQ(coded.size, Bits(19));
  EXPECT_EQ(coded.bytes, bits_of("1110001111101101 110").bytes);
  EXPECT_THAT(decode(codec, coded, 4), ::testing::ElementsAre(1, 9, 10, 29));
}

TEST(EntropyCodec, ReadsBackEverySubsetOfSmallUniversesAtItsSize) {
  for (std::uint32_t d = 1; d <= 12; ++d) {
    const EntropyCodec codec(d);
    for (std::uint32_t members = 0; members < 1U << d; ++members) {
      const auto positions = subset(members);
      const Coded coded = encode(codec, positions);
      ASSERT_EQ(coded.size, codec.size(positions));
      ASSERT_EQ(decode(codec, coded, positions.size()), positions) << "d " << d;
    }
  }
}

TEST(EntropyCodec, ReadsBackSupportsOfEveryDensity) {
  const EntropyCodec codec(10007);
  for (const std::size_t k : {0U, 1U, 101U, 5000U, 10006U, 10007U}) {
    const auto positions = random_support(10007, k, k);
    const Coded coded = encode(codec, positions);
    ASSERT_EQ(coded.size, codec.size(positions));
    ASSERT_EQ(decode(codec, coded, k), positions);
  }
}

TEST(EntropyCodec, ReadsBackTheFarthestPositions) {
  constexpr Index kLast = ~Index{0} - 1;
  const EntropyCodec codec(~Index{0});
  for (const std::vector<Index>& positions :
       {std::vector<Index>{kLast}, {0}, {0, kLast}, {kLast - 1, kLast}, {0, 1, 2, 3, kLast}}) {
    EXPECT_EQ(decode(codec, encode(codec, positions), positions.size()), positions);
  }
}

TEST(EntropyCodec, ReadsOneSetAfterAnotherAtAnyBit) {
  const EntropyCodec codec(1000);
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto first = random_support(1000, seed, seed);
    const auto second = random_support(1000, 30, seed + 1000);
    const Coded both = coded([&](BitWriter& out) {
      out.put(5, 3);
      codec.encode(first, out);
      codec.encode(second, out);
    });
    BitReader in(both.bytes, both.size);
    ASSERT_EQ(in.get(3), 5U);
    ASSERT_EQ(codec.decode(in, first.size()), first);
    ASSERT_EQ(codec.decode(in, second.size()), second);
    ASSERT_EQ(in.remaining(), Bits(0));
  }
}

TEST(EntropyCodec, CostsAtMost1002ThousandthsOfTheEntropyOnUniformSupports) {
  const EntropyCodec codec(kResNet18);
  for (const std::uint64_t k : {111740U, 11174U}) {
    const auto positions = uniform_support(kResNet18, k);
    ASSERT_EQ(positions.size(), k);
    const Coded coded = encode(codec, positions);
    EXPECT_EQ(decode(codec, coded, k), positions);
    EXPECT_LE(static_cast<double>(coded.size.count()),
              1.002 * entropy(static_cast<double>(kResNet18), static_cast<double>(k)));
  }
}

TEST(EntropyCodec, LearnsAnyDensityInAtMostEightyBits) {
  for (const std::uint64_t k : {100U, 441U, 1765U, 8191U, 20000U}) {
    for (const std::uint64_t one_in : {2U, 3U, 4U, 5U, 10U, 20U, 100U}) {
      const std::uint64_t d = k * one_in;
      const double bound = entropy(static_cast<double>(d), static_cast<double>(k));
      const auto size = static_cast<double>(EntropyCodec(d).size(uniform_support(d, k)).count());
      EXPECT_LE(size, 1.0025 * bound + 80) << k << " of " << d;
      EXPECT_GE(size, bound - 10) << k << " of " << d;
    }
  }
}

TEST(EntropyCodec, IsThreePercentBelowRiceWhereLayersDifferInDensity) {
  const EntropyCodec codec(kResNet18);
  const auto positions = layered_support(kResNet18, 111740);
  const Coded coded = encode(codec, positions);
  EXPECT_EQ(decode(codec, coded, positions.size()), positions);
  EXPECT_LE(100 * coded.size.count(), 97 * rice_bits(positions));
}

TEST(EntropyCodec, TakesAtLeastOneBitFor256Positions) {
  // The set that the code learns best: every gap is 0.
  std::vector<Index> positions(1000000);
  std::iota(positions.begin(), positions.end(), Index{0});
  const EntropyCodec codec(positions.size());
  const Coded coded = encode(codec, positions);
  EXPECT_GE(256 * coded.size.count(), positions.size());
  EXPECT_LE(200 * coded.size.count(), positions.size());
  EXPECT_EQ(decode(codec, coded, positions.size()), positions);
}

TEST(EntropyCodec, RefusesEveryTruncation) {
  const EntropyCodec codec(2000);
  for (const std::size_t k : {0U, 1U, 7U, 300U}) {
    const Coded coded = encode(codec, random_support(2000, k, 1));
    for (std::uint64_t size = 0; size < coded.size.count(); ++size) {
      BitReader in(coded.bytes, Bits(size));
      ASSERT_THROW((void)codec.decode(in, k), DecodeError) << size << " bits, K " << k;
    }
  }
}

TEST(EntropyCodec, RefusesAFractionThatIsNotTheShortest) {
  const Coded one = bits_of("1");
  BitReader in(one.bytes, one.size);
  EXPECT_THAT([&] { (void)EntropyCodec(10).decode(in, 0); },
              ThrowsMessage<DecodeError>(
                  "entropy code: a fraction that is not the shortest, 0 of 1 bits read"));
}

TEST(EntropyCodec, RefusesAFractionPastTheFirstInterval) {
  const std::vector<std::byte> ones(64, std::byte{0xff});
  BitReader in(ones, Bits::of_bytes(ones.size()));
  EXPECT_THAT(
      [&] { (void)EntropyCodec(10).decode(in, 3); },
      ThrowsMessage<DecodeError>("entropy code: a fraction that no set has, 0 of 512 bits read"));
}

TEST(EntropyCodec, RefusesAPositionOutsideTheModel) {
  // A 1 has the lower part of each interval, so V = 0 passes one group after another.
  const std::vector<std::byte> zeros(64);
  BitReader endless(zeros, Bits::of_bytes(zeros.size()));
  EXPECT_THAT([&] { (void)EntropyCodec(1000).decode(endless, 10); },
              ThrowsMessage<DecodeError>(HasSubstr("of d = 1000")));
}

TEST(EntropyCodec, RefusesACountThatNoSetOrStreamHolds) {
  const std::vector<std::byte> bytes(4);
  BitReader in(bytes, Bits(32));
  EXPECT_THAT([&] { (void)EntropyCodec(10).decode(in, 11); },
              ThrowsMessage<DecodeError>(HasSubstr("11 positions of d = 10")));
  EXPECT_THROW((void)EntropyCodec(~Index{0}).decode(in, ~Index{0}), DecodeError);
  EXPECT_THROW((void)EntropyCodec(10).decode(in, ~std::uint64_t{0}), DecodeError);
  EXPECT_EQ(in.position(), Bits(0));
}

TEST(EntropyCodec, DecodesRandomBitsToWhatEncodesToThemOrThrows) {
  std::mt19937_64 random(3);
  int decoded = 0;
  for (int trial = 0; trial < 30000; ++trial) {
    const std::uint64_t d = 1 + random() % (trial % 2 == 0 ? 12 : 3000);
    const std::uint64_t count = random() % std::min<std::uint64_t>(d + 1, 9);
    const EntropyCodec codec(d);
    const auto bytes = random_bytes(24, random);
    BitReader in(bytes, Bits::of_bytes(bytes.size()));
    std::vector<Index> positions;
    try {
      positions = codec.decode(in, count);
    } catch (const DecodeError&) {
      continue;
    }
    ++decoded;
    ASSERT_EQ(positions.size(), count);
    const Coded again = encode(codec, positions);
    ASSERT_EQ(again.size, in.position());
    ASSERT_TRUE(same_bits(again.bytes, bytes, again.size));
  }
  EXPECT_GT(decoded, 1000);
  EXPECT_LT(decoded, 29000);
}

TEST(EntropyCodec, EncodesAndDecodesTheGoldenFiles) {
  std::vector<Index> cubes;
  for (std::uint64_t j = 0; j < 4000; ++j) {
    const auto cube = static_cast<Index>(j * j * j >> 10);
    if (cubes.empty() || cube != cubes.back()) cubes.push_back(cube);
  }
  const struct {
    const char* file;
    std::uint64_t d;
    std::vector<Index> positions;
  } cases[] = {{"entropy.bin", 10007, golden_positions()},
               {"entropy_cubes.bin", 1 << 26, std::move(cubes)}};
  for (const auto& [file, d, positions] : cases) {
    SCOPED_TRACE(file);
    const auto golden = golden_bytes(file);
    ASSERT_FALSE(golden.empty());
    const EntropyCodec codec(d);
    EXPECT_EQ(encode(codec, positions).bytes, golden);
    BitReader in(golden, Bits::of_bytes(golden.size()));
    EXPECT_EQ(codec.decode(in, positions.size()), positions);
    EXPECT_EQ(in.position(), codec.size(positions));
  }
}

TEST(EntropyCodec, RefusesAListThatIsNoSetAndWritesNothing) {
  const EntropyCodec codec(10);
  BitWriter out;
  out.put(1, 1);
  EXPECT_THAT(
      [&] {
        codec.encode(std::vector<Index>{3, 10}, out);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("positions[1] = 10 of d = 10")));
  EXPECT_THROW(codec.encode(std::vector<Index>{3, 2}, out), std::invalid_argument);
  EXPECT_THROW(codec.encode(std::vector<Index>{3, 3}, out), std::invalid_argument);
  EXPECT_THROW((void)codec.size(std::vector<Index>{3, 3}), std::invalid_argument);
  EXPECT_EQ(out.size(), Bits(1));
}

TEST(EntropyCodec, IsMadeByItsIdWithoutAParameter) {
  EXPECT_EQ(make_position_codec(EntropyCodec::kId, 10, 0)->id(), 5);
  EXPECT_THROW((void)make_position_codec(EntropyCodec::kId, 10, 1), DecodeError);
  EXPECT_THROW((void)make_position_codec(EntropyCodec::kId, 0, 0), DecodeError);
  EXPECT_THROW(EntropyCodec(0), std::invalid_argument);
  EXPECT_THROW(EntropyCodec(std::uint64_t{1} << 32), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
