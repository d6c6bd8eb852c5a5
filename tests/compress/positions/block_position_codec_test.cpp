// The position code of section 4.3.1 has the bits that its header draws and costs exactly what eq
// 14 says. Its decoder takes those bits and no others.
#include "compress/positions/block_position_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

constexpr std::uint64_t kBlockSizes[] = {1, 2, 3, 4, 5, 7, 8, 100, 1U << 31};

// Decodes without a count, to the end that the code itself marks.
std::vector<Index> decode(const BlockPositionCodec& codec, const Coded& coded) {
  BitReader in(coded.bytes, coded.size);
  auto positions = codec.decode(in);
  EXPECT_EQ(in.remaining(), Bits(0));
  return positions;
}

TEST(BlockPositionCodec, ExampleOfTheHeaderHasItsBits) {
  const BlockPositionCodec codec(16, 4);
  const Coded coded = encode(codec, {1, 6, 7, 12});
  // Flags and offsets of the header's drawing, each offset's lowest bit first.
  EXPECT_EQ(coded.bytes, bits_of("1 10 0   1 01   1 11 0   0   1 00 0").bytes);
  EXPECT_THAT(coded.bytes, ElementsAre(std::byte{0xd3}, std::byte{0x13}));
  EXPECT_EQ(coded.size, Bits(16));
  EXPECT_EQ(codec.size(4), Bits(16));
  EXPECT_THAT(decode(codec, coded), ElementsAre(1, 6, 7, 12));
}

TEST(BlockPositionCodec, ReadsBackEverySubsetOfSmallUniversesAtExactlyItsSize) {
  for (std::uint32_t d = 1; d <= 10; ++d) {
    for (const std::uint64_t block_size : kBlockSizes) {
      const BlockPositionCodec codec(d, block_size);
      for (std::uint32_t members = 0; members < 1U << d; ++members) {
        const auto positions = subset(members);
        const Coded coded = encode(codec, positions);
        ASSERT_EQ(coded.size, codec.size(positions.size()));
        ASSERT_EQ(decode(codec, coded), positions) << "d " << d << ", B " << block_size;
      }
    }
  }
}

TEST(BlockPositionCodec, ReadsBackRandomSupports) {
  for (const std::uint64_t block_size : kBlockSizes) {
    const BlockPositionCodec codec(10007, block_size);
    for (const std::size_t k : {0U, 1U, 101U, 5000U, 10007U}) {
      const auto positions = random_support(10007, k, k);
      const Coded coded = encode(codec, positions);
      ASSERT_EQ(coded.size, codec.size(k));
      ASSERT_EQ(decode(codec, coded), positions);
    }
  }
}

TEST(BlockPositionCodec, ReadsOneSetAfterAnotherAtAnyBit) {
  const BlockPositionCodec codec(100, 7);
  const auto first = random_support(100, 20, 1);
  const auto second = random_support(100, 30, 2);
  BitWriter out;
  out.put(5, 3);
  codec.encode(first, out);
  codec.encode(second, out);
  const Bits size = out.size();
  const auto bytes = out.take();
  BitReader in(bytes, size);
  EXPECT_EQ(in.get(3), 5U);
  EXPECT_EQ(codec.decode(in), first);
  EXPECT_EQ(codec.decode(in), second);
  EXPECT_EQ(in.remaining(), Bits(0));
}

TEST(BlockPositionCodec, Section431CostsExactly1005660BitsAtThePapersSetting) {
  constexpr std::uint64_t kD = 11173962;  // ResNet-18
  constexpr std::uint64_t kK = 111740;    // ceil(d / 100)
  const BlockPositionCodec codec(kD, 100);
  EXPECT_EQ(codec.size(kK), Bits(1005660));
  EXPECT_EQ(codec.size(kK), Bits(9 * kK));  // the paper's 9 bits for each position

  const auto spread = random_support(kD, kK, 1);
  std::vector<Index> crowded(kK);
  for (Index j = 0; j < kK; ++j) crowded[j] = static_cast<Index>(kD - kK) + j;
  for (const auto& positions : {spread, crowded}) {
    const Coded coded = encode(codec, positions);
    EXPECT_EQ(coded.size, Bits(1005660));
    EXPECT_EQ(decode(codec, coded), positions);
  }
}

TEST(BlockPositionCodec, Eq14IsExactWhenBIsAPowerOfTwoThatDividesD) {
  // d * phi * (log2(1 / phi) + 2) with phi = 1 / B.
  constexpr std::uint64_t kD = 1 << 20;
  for (unsigned log2 = 0; log2 <= 20; ++log2) {
    const std::uint64_t k = kD >> log2;
    EXPECT_EQ(BlockPositionCodec(kD, std::uint64_t{1} << log2).size(k), Bits(k * (log2 + 2)));
  }
}

TEST(BlockPositionCodec, RefusesEveryTruncation) {
  for (const std::uint64_t block_size : kBlockSizes) {
    const BlockPositionCodec codec(200, block_size);
    const Coded coded = encode(codec, random_support(200, 30, 1));
    for (std::uint64_t size = 0; size < coded.size.count(); ++size) {
      BitReader in(coded.bytes, Bits(size));
      ASSERT_THROW((void)codec.decode(in), DecodeError) << size << " bits, B " << block_size;
    }
  }
}

TEST(BlockPositionCodec, RefusesAnOffsetOutsideItsBlock) {
  const BlockPositionCodec codec(10, 5);
  EXPECT_THAT(
      [&] { (void)decode(codec, bits_of("0 1 101 0")); },
      ThrowsMessage<DecodeError>("block position code: offset 5 in a block of 5, before bit 5"));
}

TEST(BlockPositionCodec, RefusesAPositionOutsideTheModel) {
  const BlockPositionCodec codec(10, 4);
  EXPECT_THAT(
      [&] { (void)decode(codec, bits_of("0 0 1 01 0")); },
      ThrowsMessage<DecodeError>("block position code: position 10 of d = 10, before bit 5"));
}

TEST(BlockPositionCodec, RefusesPositionsOutOfOrderOrTwice) {
  const BlockPositionCodec codec(8, 4);
  EXPECT_THAT(
      [&] { (void)decode(codec, bits_of("0 1 01 1 10 0")); },
      ThrowsMessage<DecodeError>("block position code: position 5 is out of order, before bit 7"));
  EXPECT_THROW((void)decode(codec, bits_of("1 01 1 01 0 0")), DecodeError);
  const BlockPositionCodec bitmap(3, 1);
  EXPECT_THROW((void)decode(bitmap, bits_of("11 0 0 0")), DecodeError);
}

TEST(BlockPositionCodec, DecodesRandomBitsToWhatEncodesToThemOrThrows) {
  std::mt19937_64 random(3);
  int decoded = 0;
  for (int trial = 0; trial < 30000; ++trial) {
    const std::uint64_t d = 1 + random() % 12;
    const BlockPositionCodec codec(d, 1 + random() % 9);
    std::vector<std::byte> bytes(12);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    BitReader in(bytes, Bits::of_bytes(bytes.size()));
    std::vector<Index> positions;
    try {
      positions = codec.decode(in);
    } catch (const DecodeError&) {
      continue;
    }
    ++decoded;
    const Coded again = encode(codec, positions);
    ASSERT_EQ(again.size, in.position());
    BitReader original(bytes, again.size);
    BitReader copy(again.bytes, again.size);
    while (copy.remaining() > Bits(0)) ASSERT_EQ(copy.get(1), original.get(1));
  }
  EXPECT_GT(decoded, 1000);
  EXPECT_LT(decoded, 29000);
}

// A decoder that knows the number of positions takes a quicker way than the definition.
TEST(BlockPositionCodec, DecodesRandomBitsOfAKnownNumberOfPositionsAsItsDefinitionDoes) {
  std::mt19937_64 random(5);
  int decoded = 0;
  for (int trial = 0; trial < 10000; ++trial) {
    const std::uint64_t d = 1 + random() % 12;
    const BlockPositionCodec codec(d, 1 + random() % 9);
    std::vector<std::byte> bytes(12);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    BitReader by_definition(bytes, Bits::of_bytes(bytes.size()));
    std::optional<std::vector<Index>> want;
    try {
      want = codec.decode(by_definition);
    } catch (const DecodeError&) {
    }
    for (std::uint64_t count = 0; count <= d; ++count) {
      BitReader in(bytes, Bits::of_bytes(bytes.size()));
      if (want && want->size() == count) {
        ASSERT_EQ(codec.decode(in, count), *want);
        ASSERT_EQ(in.position(), by_definition.position());
        ++decoded;
      } else {
        ASSERT_THROW((void)codec.decode(in, count), DecodeError) << count << " of " << d;
      }
    }
  }
  EXPECT_GT(decoded, 300);
}

TEST(BlockPositionCodec, EncodesAndDecodesTheGoldenFiles) {
  const std::vector<Index> positions = golden_positions();
  ASSERT_EQ(positions.size(), 101U);
  for (const std::uint64_t block_size : {1U, 64U, 100U}) {
    SCOPED_TRACE(block_size);
    const auto golden = golden_bytes("block_" + std::to_string(block_size) + ".bin");
    const BlockPositionCodec codec(10007, block_size);
    EXPECT_EQ(encode(codec, positions).bytes, golden);
    BitReader in(golden, Bits::of_bytes(golden.size()));
    EXPECT_EQ(codec.decode(in), positions);
    EXPECT_EQ(in.position(), codec.size(positions.size()));
  }
}

TEST(BlockPositionCodec, RefusesAListThatIsNoSetAndWritesNothing) {
  const BlockPositionCodec codec(10, 4);
  BitWriter out;
  out.put(1, 1);
  EXPECT_THAT(
      [&] {
        codec.encode(std::vector<Index>{3, 10}, out);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("positions[1] = 10 of d = 10")));
  EXPECT_THROW(codec.encode(std::vector<Index>{3, 2}, out), std::invalid_argument);
  EXPECT_THROW(codec.encode(std::vector<Index>{3, 3}, out), std::invalid_argument);
  EXPECT_EQ(out.size(), Bits(1));
}

TEST(BlockPositionCodec, EncodesAndDecodesAsItsDefinitionsDo) {
  constexpr std::uint64_t kD = 30011;
  for (const std::uint64_t block_size : {1U, 2U, 3U, 64U, 100U, 127U, 1000U, 30011U, 1U << 31}) {
    const BlockPositionCodec codec(kD, block_size);
    for (const std::size_t k : {0U, 1U, 30U, 300U, 3000U, 30000U, 30011U}) {
      const auto positions = random_support(kD, k, k + 1);
      for (unsigned shift = 0; shift < 64; shift += 9) {
        BitWriter by_definition;
        BitWriter out;
        by_definition.put(0, shift);
        out.put(0, shift);
        codec.encode_by_definition(positions, by_definition);
        codec.encode(positions, out);
        const Bits size = out.size();
        ASSERT_EQ(size, by_definition.size());
        const auto bytes = out.take();
        ASSERT_EQ(bytes, by_definition.take()) << "K " << k << ", B " << block_size;
        BitReader in(bytes, size);
        in.skip(Bits(shift));
        BitReader in_by_definition = in;
        ASSERT_EQ(codec.decode(in, k), codec.decode(in_by_definition));
        ASSERT_EQ(in.position(), in_by_definition.position());
      }
    }
  }
}

TEST(BlockPositionCodec, RefusesAnotherNumberOfPositionsThanWasSaid) {
  const BlockPositionCodec codec(16, 4);
  const Coded coded = encode(codec, {1, 6, 7, 12});
  for (const std::uint64_t count : {0U, 3U, 5U, 16U, 17U}) {
    BitReader in(coded.bytes, coded.size);
    EXPECT_THAT([&] { (void)codec.decode(in, count); },
                ThrowsMessage<DecodeError>(HasSubstr("4 positions, not " + std::to_string(count))));
  }
}

TEST(BlockPositionCodec, SaysWhatIsWrongWhenTheNumberOfPositionsIsKnownToo) {
  const BlockPositionCodec codec(8, 4);
  const Coded coded = bits_of("0 1 01 1 10 0");
  BitReader in(coded.bytes, coded.size);
  EXPECT_THAT(
      [&] { (void)codec.decode(in, 2); },
      ThrowsMessage<DecodeError>("block position code: position 5 is out of order, before bit 7"));
}

TEST(BlockPositionCodec, RefusesAModelOrBlockThatItCannotCode) {
  EXPECT_THROW(BlockPositionCodec(0, 4), std::invalid_argument);
  EXPECT_THROW(BlockPositionCodec(std::uint64_t{1} << 32, 4), std::invalid_argument);
  EXPECT_THROW(BlockPositionCodec(10, 0), std::invalid_argument);
  EXPECT_THROW(BlockPositionCodec(10, (std::uint64_t{1} << 31) + 1), std::invalid_argument);
  EXPECT_EQ(BlockPositionCodec((std::uint64_t{1} << 32) - 1, 1 << 16).size(1), Bits(17 + 65536));
}

}  // namespace
}  // namespace mvsgd::compress
