// Messages have the bytes that comm/README.md draws, and every bit of them is counted once.
#include "comm/message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace mvsgd::comm {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

std::vector<std::byte> golden(const std::string& file) {
  std::ifstream in(std::string(MVSGD_TESTS_DIR) + "/golden/comm/" + file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  std::vector<std::byte> bytes;
  for (std::istreambuf_iterator<char> it(in), end; it != end; ++it) {
    bytes.push_back(static_cast<std::byte>(*it));
  }
  return bytes;
}

// The worked examples of comm/README.md.
constexpr Header kVoteHeader = {.kind = Kind::vote,
                                .position_codec = 1,
                                .sender = 3,
                                .round = 7,
                                .dimension = 18,
                                .count = 4,
                                .block_size = 4};
constexpr Header kUpdateHeader = {
    .kind = Kind::update, .value_bits = 32, .sender = 3, .round = 7, .dimension = 18, .count = 2};
constexpr Header kQuantizedHeader = {
    .kind = Kind::update, .value_bits = 2, .sender = 3, .round = 7, .dimension = 18, .count = 4};
constexpr Header kScaledSignHeader = {.kind = Kind::update,
                                      .value_bits = 1,
                                      .sender = 3,
                                      .round = 7,
                                      .dimension = 18,
                                      .count = 4,
                                      .block_size = 4};
constexpr Header kAddHeader = {.kind = Kind::add,
                               .position_codec = 1,
                               .sender = 3,
                               .round = 8,
                               .dimension = 18,
                               .count = 2,
                               .block_size = 8};

Message vote_example() {
  MessageWriter writer(kVoteHeader);
  writer.field(Field::positions).put(0b0'0001'0011'1101'0011, 17);
  return std::move(writer).finish();
}

Message update_example() {
  MessageWriter writer(kUpdateHeader);
  writer.field(Field::values).put_floats(std::array{1.0F, -0.5F});
  return std::move(writer).finish();
}

Message quantized_example() {
  MessageWriter writer(kQuantizedHeader);
  BitWriter& codes = writer.field(Field::values);
  for (const std::uint64_t code : {0b00U, 0b10U, 0b01U, 0b11U}) codes.put(code, 2);
  writer.field(Field::level_means).put_floats(std::array{0.75F, 0.1875F});
  return std::move(writer).finish();
}

Message scaled_sign_example() {
  MessageWriter writer(kScaledSignHeader);
  BitWriter& signs = writer.field(Field::values);
  for (const std::uint64_t sign : {0U, 1U, 0U, 1U}) signs.put(sign, 1);
  writer.field(Field::level_means).put_floats(std::array{0.46875F});
  return std::move(writer).finish();
}

Message add_example() {
  MessageWriter writer(kAddHeader);
  writer.field(Field::positions).put(0b000'0110'0101, 11);
  return std::move(writer).finish();
}

TEST(Message, VoteExampleOfTheReadmeHasItsBytes) {
  const Message vote = vote_example();
  EXPECT_EQ(*vote.bytes, bytes_of({1, 2, 0, 1, 3, 0, 0, 0, 7, 0, 0,    0,    18,  0,
                                   0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0xd3, 0x13, 0x00}));
  EXPECT_EQ(*vote.bytes, golden("vote.bin"));
  EXPECT_EQ(vote.fields[Field::header], Bits(192));
  EXPECT_EQ(vote.fields[Field::positions], Bits(17));
  EXPECT_EQ(vote.fields[Field::padding], Bits(7));
  EXPECT_EQ(vote.fields.total(), Bits::of_bytes(vote.bytes->size()));
}

TEST(Message, UpdateExampleOfTheReadmeHasItsBytes) {
  const Message update = update_example();
  EXPECT_EQ(*update.bytes, bytes_of({1, 6, 32, 0, 3, 0, 0, 0, 7, 0, 0,    0,    18, 0, 0, 0,
                                     2, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0x80, 0x3f, 0,  0, 0, 0xbf}));
  EXPECT_EQ(*update.bytes, golden("update.bin"));
  EXPECT_EQ(update.fields[Field::values], Bits(64));
  EXPECT_EQ(update.fields[Field::padding], Bits(0));
}

TEST(Message, QuantizedUpdateExampleOfTheReadmeHasItsBytes) {
  const Message update = quantized_example();
  EXPECT_EQ(*update.bytes,
            bytes_of({1, 6, 2, 0, 3, 0, 0, 0,    7, 0, 0,    0,    18, 0, 0,    0,   4,
                      0, 0, 0, 0, 0, 0, 0, 0xd8, 0, 0, 0x40, 0x3f, 0,  0, 0x40, 0x3e}));
  EXPECT_EQ(*update.bytes, golden("quantized_update.bin"));
  EXPECT_EQ(update.fields[Field::values], Bits(8));
  EXPECT_EQ(update.fields[Field::level_means], Bits(64));
  EXPECT_EQ(update.fields[Field::padding], Bits(0));
}

TEST(Message, ScaledSignExampleOfTheReadmeHasItsBytes) {
  const Message update = scaled_sign_example();
  EXPECT_EQ(*update.bytes, bytes_of({1, 6, 1, 0, 3, 0, 0, 0, 7, 0,    0, 0, 18,   0,   0,
                                     0, 4, 0, 0, 0, 4, 0, 0, 0, 0x0a, 0, 0, 0xef, 0x03}));
  EXPECT_EQ(*update.bytes, golden("scaled_sign_update.bin"));
  EXPECT_EQ(update.fields[Field::values], Bits(4));
  EXPECT_EQ(update.fields[Field::level_means], Bits(32));
  EXPECT_EQ(update.fields[Field::padding], Bits(4));
}

TEST(Message, AddExampleOfTheReadmeHasItsBytes) {
  const Message add = add_example();
  EXPECT_EQ(*add.bytes, bytes_of({1, 3, 0, 1, 3, 0, 0, 0, 8, 0, 0, 0,    18,
                                  0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 0x65, 0}));
  EXPECT_EQ(*add.bytes, golden("add.bin"));
  EXPECT_EQ(add.fields[Field::positions], Bits(11));
  EXPECT_EQ(add.fields[Field::padding], Bits(5));
}

TEST(Message, ReadsBackTheExamplesOfTheReadme) {
  const auto vote = golden("vote.bin");
  MessageReader reader(vote);
  EXPECT_EQ(reader.header(), kVoteHeader);
  EXPECT_EQ(reader.field(Field::positions).get(17), 0b0'0001'0011'1101'0011U);
  EXPECT_EQ(reader.finish(), vote_example().fields);

  const auto update = golden("update.bin");
  MessageReader values(update);
  EXPECT_EQ(values.header(), kUpdateHeader);
  std::array<float, 2> got{};
  values.field(Field::values).get_floats(got);
  EXPECT_THAT(got, ::testing::ElementsAre(1.0F, -0.5F));
  EXPECT_EQ(values.finish(), update_example().fields);

  const auto add = golden("add.bin");
  MessageReader added(add);
  EXPECT_EQ(added.header(), kAddHeader);
  EXPECT_EQ(added.field(Field::positions).get(11), 0b000'0110'0101U);
  EXPECT_EQ(added.finish(), add_example().fields);
}

TEST(Message, ReadsBackTheQuantizedExamplesOfTheReadme) {
  const auto quantized = golden("quantized_update.bin");
  MessageReader reader(quantized);
  EXPECT_EQ(reader.header(), kQuantizedHeader);
  std::array<std::uint64_t, 4> codes{};
  for (std::uint64_t& code : codes) code = reader.field(Field::values).get(2);
  EXPECT_THAT(codes, ::testing::ElementsAre(0b00, 0b10, 0b01, 0b11));
  std::array<float, 2> means{};
  reader.field(Field::level_means).get_floats(means);
  EXPECT_THAT(means, ::testing::ElementsAre(0.75F, 0.1875F));
  EXPECT_EQ(reader.finish(), quantized_example().fields);

  const auto scaled_sign = golden("scaled_sign_update.bin");
  MessageReader signs(scaled_sign);
  EXPECT_EQ(signs.header(), kScaledSignHeader);
  EXPECT_EQ(signs.field(Field::values).get(4), 0b1010U);
  std::array<float, 1> scale{};
  signs.field(Field::level_means).get_floats(scale);
  EXPECT_THAT(scale, ::testing::ElementsAre(0.46875F));
  EXPECT_EQ(signs.finish(), scaled_sign_example().fields);
}

TEST(Message, EveryBitOfTheHeaderTravels) {
  const Header full = {.kind = Kind::buffers,
                       .value_bits = 0xff,
                       .position_codec = 0xfe,
                       .sender = 0xfedcba98,
                       .round = 0x01234567,
                       .dimension = 0xffffffff,
                       .count = 0x89abcdef,
                       .block_size = 0x80000000};
  const Message message = MessageWriter(full).finish();
  EXPECT_EQ(Bits::of_bytes(message.bytes->size()), kHeaderBits);
  EXPECT_EQ(MessageReader(*message.bytes).header(), full);
}

TEST(Message, EveryKindTravels) {
  for (const Kind kind : kAllKinds) {
    SCOPED_TRACE(name(kind));
    const Message message = MessageWriter({.kind = kind}).finish();
    EXPECT_EQ(MessageReader(*message.bytes).header().kind, kind);
  }
}

TEST(Message, CountsEachBitUnderTheFieldNamedLast) {
  MessageWriter writer({.kind = Kind::update});
  writer.field(Field::values).put(1, 10);
  writer.field(Field::level_means).put(2, 20);
  writer.field(Field::values).put(3, 30);
  const Message message = std::move(writer).finish();
  EXPECT_EQ(message.fields[Field::values], Bits(40));
  EXPECT_EQ(message.fields[Field::level_means], Bits(20));
  EXPECT_EQ(message.fields[Field::padding], Bits(4));

  MessageReader reader(*message.bytes);
  EXPECT_EQ(reader.field(Field::values).get(10), 1U);
  EXPECT_EQ(reader.field(Field::level_means).get(20), 2U);
  EXPECT_EQ(reader.field(Field::values).get(30), 3U);
  EXPECT_EQ(reader.finish(), message.fields);
}

TEST(MessageReader, RefusesEveryTruncationOfAHeader) {
  const auto vote = golden("vote.bin");
  for (std::size_t size = 0; size < 24; ++size) {
    EXPECT_THROW(MessageReader(std::span(vote).first(size)), DecodeError) << size << " bytes";
  }
}

TEST(MessageReader, RefusesAForeignVersion) {
  auto vote = golden("vote.bin");
  vote[0] = std::byte{2};
  EXPECT_THAT([&] { MessageReader reader(vote); },
              ThrowsMessage<DecodeError>(HasSubstr("format version 2 at byte 0")));
}

TEST(MessageReader, RefusesKindsThatAreNone) {
  auto vote = golden("vote.bin");
  for (int kind = 0; kind < 256; ++kind) {
    vote[1] = static_cast<std::byte>(kind);
    if (kind >= 1 && kind <= 11) {
      EXPECT_NO_THROW(MessageReader{vote}) << kind;
    } else {
      EXPECT_THAT([&] { MessageReader reader(vote); },
                  ThrowsMessage<DecodeError>(
                      HasSubstr("unknown kind " + std::to_string(kind) + " at byte 1")));
    }
  }
}

TEST(MessageReader, RefusesBitsLeftOver) {
  auto vote = golden("vote.bin");
  MessageReader early(vote);
  EXPECT_EQ(early.field(Field::positions).get(16), 0x13d3U);
  EXPECT_THAT([&] { early.finish(); },
              ThrowsMessage<DecodeError>("message: 8 bits are left at bit 208"));

  vote.push_back(std::byte{0});
  MessageReader longer(vote);
  EXPECT_EQ(longer.field(Field::positions).get(17), 0x13d3U);
  EXPECT_THROW(longer.finish(), DecodeError);
}

TEST(MessageReader, RefusesPaddingThatIsNotZero) {
  for (int bit = 1; bit < 8; ++bit) {
    auto vote = golden("vote.bin");
    vote.back() |= std::byte{1} << bit;
    MessageReader reader(vote);
    EXPECT_EQ(reader.field(Field::positions).get(17), 0x13d3U);
    EXPECT_THAT([&] { reader.finish(); },
                ThrowsMessage<DecodeError>("message: the padding at bit 209 is not zero"));
  }
}

TEST(FieldBits, AddFieldByField) {
  FieldBits a;
  a[Field::values] = Bits(5);
  a[Field::padding] = Bits(3);
  FieldBits b;
  b[Field::values] = Bits(1);
  b[Field::initial_model] = Bits(10);
  a += b;
  EXPECT_EQ(a[Field::values], Bits(6));
  EXPECT_EQ(a[Field::padding], Bits(3));
  EXPECT_EQ(a[Field::initial_model], Bits(10));
  EXPECT_EQ(a.total(), Bits(19));
}

TEST(Names, AreThoseOfTheLedgersColumns) {
  EXPECT_EQ(name(Direction::up), "up");
  EXPECT_EQ(name(Direction::down), "down");
  EXPECT_EQ(name(Kind::aggregate), "aggregate");
  EXPECT_EQ(name(Field::bn_buffers), "bn_buffers");
  EXPECT_EQ(name(Field::level_means), "level_means");
}

/// Whether the list has exactly the values of its type that have a name.
template <typename Enum>
bool has_all_names(std::span<const Enum> list) {
  for (int value = 0; value < 256; ++value) {
    const auto one = static_cast<Enum>(value);
    if ((name(one) != "unknown") != (std::ranges::count(list, one) == 1)) return false;
  }
  return true;
}

TEST(Names, AreThoseOfWhatTheListsHave) {
  EXPECT_TRUE(has_all_names<Kind>(kAllKinds));
  EXPECT_TRUE(has_all_names<Field>(kAllFields));
  EXPECT_TRUE(has_all_names<Direction>(kAllDirections));
}

}  // namespace
}  // namespace mvsgd::comm
