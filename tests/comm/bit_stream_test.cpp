// Bit streams put bits where comm/README.md draws them, and read back any stream or refuse it.
#include "comm/bit_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace mvsgd::comm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::uint64_t low_bits(unsigned width) {
  return width == 0 ? 0 : ~std::uint64_t{0} >> (64 - width);
}

struct Item {
  std::uint64_t value;
  unsigned width;
};

std::vector<Item> random_items(std::mt19937_64& random, std::size_t count) {
  std::vector<Item> items(count);
  for (auto& [value, width] : items) {
    width = static_cast<unsigned>(random() % 65);
    value = random() & low_bits(width);
  }
  return items;
}

TEST(BitWriter, PutsTheLowestBitFirst) {
  BitWriter writer;
  writer.put(0b101, 3);
  writer.put(0x1f, 5);
  EXPECT_EQ(writer.size(), Bits(8));
  EXPECT_THAT(writer.take(), ElementsAre(std::byte{0xfd}));
}

TEST(BitWriter, PadsTheLastByteWithZeros) {
  BitWriter writer;
  writer.put(0x3ff, 10);
  EXPECT_EQ(writer.size(), Bits(10));
  EXPECT_THAT(writer.take(), ElementsAre(std::byte{0xff}, std::byte{0x03}));
}

TEST(BitWriter, IsEmptyAfterTake) {
  BitWriter writer;
  writer.put(7, 3);
  ASSERT_EQ(writer.take().size(), 1U);
  EXPECT_EQ(writer.size(), Bits(0));
  EXPECT_TRUE(writer.take().empty());
  writer.put(1, 1);
  EXPECT_THAT(writer.take(), ElementsAre(std::byte{0x01}));
}

TEST(BitWriter, RefusesAValueWiderThanItsWidthAndStaysAsItWas) {
  BitWriter writer;
  writer.put(1, 1);
  EXPECT_THAT([&] { writer.put(8, 3); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("8 has more than 3 bits")));
  EXPECT_THROW(writer.put(1, 0), std::invalid_argument);
  EXPECT_EQ(writer.size(), Bits(1));
  EXPECT_THAT(writer.take(), ElementsAre(std::byte{0x01}));
}

TEST(BitWriter, RefusesAWidthAbove64) {
  BitWriter writer;
  EXPECT_THAT([&] { writer.put(0, 65); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("width 65")));
  EXPECT_EQ(writer.size(), Bits(0));
}

TEST(BitWriter, PutsBitsWhereAListOfSingleBitsHasThem) {
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    SCOPED_TRACE(trial);
    BitWriter writer;
    std::vector<bool> bits;
    for (const auto& [value, width] : random_items(random, 40)) {
      writer.put(value, width);
      for (unsigned i = 0; i < width; ++i) bits.push_back((value >> i & 1) != 0);
      ASSERT_EQ(writer.size(), Bits(bits.size()));
    }
    std::vector<std::byte> expected((bits.size() + 7) / 8);
    for (std::size_t i = 0; i < bits.size(); ++i) {
      if (bits[i]) expected[i / 8] |= std::byte{1} << i % 8;
    }
    ASSERT_EQ(writer.take(), expected);
  }
}

TEST(BitWriter, PutsAllOfAnotherStreamAtEveryBitOffset) {
  std::mt19937_64 random(7);
  for (unsigned offset = 0; offset < 64; ++offset) {
    for (std::size_t count = 0; count < 6; ++count) {
      const std::vector<Item> items = random_items(random, count);
      BitWriter other;
      BitWriter joined;
      BitWriter wanted;
      joined.put(low_bits(offset), offset);
      wanted.put(low_bits(offset), offset);
      for (const auto& [value, width] : items) {
        other.put(value, width);
        wanted.put(value, width);
      }
      joined.put_all(std::move(other));
      EXPECT_EQ(joined.size(), wanted.size());
      EXPECT_EQ(joined.take(), wanted.take()) << offset << ", " << count;
    }
  }
}

TEST(BitStream, ReadsBackEveryWidthAtEveryBitOffset) {
  std::mt19937_64 random(2);
  for (unsigned offset = 0; offset <= 64; ++offset) {
    for (unsigned width = 0; width <= 64; ++width) {
      const std::uint64_t before = random() & low_bits(offset);
      const std::uint64_t value = random() & low_bits(width);
      BitWriter writer;
      writer.put(before, offset);
      writer.put(value, width);
      const auto bytes = writer.take();
      BitReader reader(bytes, Bits(offset + width));
      ASSERT_EQ(reader.get(offset), before);
      ASSERT_EQ(reader.get(width), value) << "offset " << offset << ", width " << width;
      ASSERT_EQ(reader.remaining(), Bits(0));
    }
  }
}

TEST(BitStream, ReadsBackLongSequences) {
  std::mt19937_64 random(3);
  const auto items = random_items(random, 10000);
  BitWriter writer;
  for (const auto& [value, width] : items) writer.put(value, width);
  const Bits size = writer.size();
  const auto bytes = writer.take();
  BitReader reader(bytes, size);
  for (const auto& [value, width] : items) ASSERT_EQ(reader.get(width), value);
  EXPECT_EQ(reader.position(), size);
}

TEST(BitStream, KeepsEveryBitOfAFloatAtEveryBitOffset) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const std::array values = {0.0F,
                             -0.0F,
                             1.0F,
                             -2.5F,
                             std::numeric_limits<float>::denorm_min(),
                             std::numeric_limits<float>::max(),
                             -kInf,
                             std::bit_cast<float>(0x7fc12345U),
                             std::bit_cast<float>(0xffabcdefU)};
  for (unsigned offset = 0; offset < 64; ++offset) {
    SCOPED_TRACE(offset);
    BitWriter floats;
    BitWriter integers;
    floats.put(0, offset);
    integers.put(0, offset);
    floats.put_floats(values);
    for (const float x : values) integers.put(std::bit_cast<std::uint32_t>(x), 32);
    ASSERT_EQ(floats.size(), integers.size());
    const Bits size = floats.size();
    const auto bytes = floats.take();
    ASSERT_EQ(bytes, integers.take());

    BitReader reader(bytes, size);
    ASSERT_EQ(reader.get(offset), 0U);
    std::array<float, values.size()> back{};
    reader.get_floats(back);
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(back[i]), std::bit_cast<std::uint32_t>(values[i]));
    }
    ASSERT_EQ(reader.remaining(), Bits(0));
  }
}

TEST(BitStream, TakesAnEmptyListOfFloats) {
  BitWriter writer;
  writer.put_floats({});
  EXPECT_EQ(writer.size(), Bits(0));
  BitReader reader({}, Bits(0));
  reader.get_floats({});
  EXPECT_EQ(reader.position(), Bits(0));
}

TEST(BitReader, PeeksAtTheNext64BitsWithZerosPastTheEnd) {
  std::mt19937_64 random(4);
  std::vector<std::byte> bytes(25);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (const std::uint64_t size : {0U, 1U, 63U, 64U, 71U, 72U, 130U, 193U, 200U}) {
    for (std::uint64_t position = 0; position <= size; ++position) {
      BitReader reader(bytes, Bits(size));
      reader.skip(Bits(position));
      const std::uint64_t peeked = reader.peek();
      ASSERT_EQ(reader.position(), Bits(position));
      const auto there = static_cast<unsigned>(std::min<std::uint64_t>(64, size - position));
      ASSERT_EQ(peeked, reader.get(there)) << position << " of " << size;
    }
  }
}

TEST(BitReader, SkipsNoMoreThanThereIs) {
  const std::vector<std::byte> bytes(8);
  BitReader reader(bytes, Bits(61));
  reader.skip(Bits(60));
  EXPECT_THAT([&] { reader.skip(Bits(2)); },
              ThrowsMessage<DecodeError>("BitReader: 2 bits wanted at bit 60 of 61"));
  EXPECT_EQ(reader.position(), Bits(60));
  reader.skip(Bits(1));
  EXPECT_EQ(reader.remaining(), Bits(0));
}

TEST(BitReader, ThrowsAtTheEndAndStaysWhereItWas) {
  const std::vector<std::byte> bytes(8);
  BitReader reader(bytes, Bits(64));
  ASSERT_EQ(reader.get(61), 0U);
  EXPECT_THAT([&] { (void)reader.get(7); },
              ThrowsMessage<DecodeError>("BitReader: 7 bits wanted at bit 61 of 64"));
  EXPECT_EQ(reader.position(), Bits(61));
  EXPECT_EQ(reader.get(3), 0U);
}

TEST(BitReader, DoesNotReadPastASizeThatEndsInsideItsBytes) {
  const std::vector<std::byte> bytes(8, std::byte{0xff});
  BitReader reader(bytes, Bits(9));
  EXPECT_EQ(reader.get(9), 0x1ffU);
  EXPECT_THROW((void)reader.get(1), DecodeError);
}

TEST(BitReader, LeavesFloatsUnchangedWhenTooFewBitsRemain) {
  const std::vector<std::byte> bytes(7);
  BitReader reader(bytes, Bits(56));
  std::array<float, 2> values = {1.0F, 2.0F};
  EXPECT_THAT([&] { reader.get_floats(values); },
              ThrowsMessage<DecodeError>("BitReader: 64 bits wanted at bit 0 of 56"));
  EXPECT_THAT(values, ElementsAre(1.0F, 2.0F));
  EXPECT_EQ(reader.position(), Bits(0));
}

TEST(BitReader, LeavesFloatsUnchangedWhenTooFewBitsRemainAtAnyBitOffset) {
  const std::vector<std::byte> bytes(8);
  for (unsigned at = 1; at <= 16; ++at) {  // whole bytes and between
    BitReader reader(bytes, Bits(64));
    (void)reader.get(at);
    std::array<float, 2> values = {1.0F, 2.0F};
    EXPECT_THROW(reader.get_floats(values), DecodeError) << at;
    EXPECT_THAT(values, ElementsAre(1.0F, 2.0F)) << at;
    EXPECT_EQ(reader.position(), Bits(at));
  }
}

TEST(BitReader, RefusesASizeAboveItsBytes) {
  const std::vector<std::byte> bytes(2);
  EXPECT_THROW(BitReader(bytes, Bits(17)), DecodeError);
  EXPECT_THROW(BitReader(bytes, Bits(std::numeric_limits<std::uint64_t>::max())), DecodeError);
}

TEST(BitReader, RefusesAWidthAbove64) {
  const std::vector<std::byte> bytes(16);
  BitReader reader(bytes, Bits(128));
  EXPECT_THROW((void)reader.get(65), std::invalid_argument);
  EXPECT_EQ(reader.position(), Bits(0));
}

}  // namespace
}  // namespace mvsgd::comm
