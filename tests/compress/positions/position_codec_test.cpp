// The promises of every position codec: it reads back what it wrote, at the size it said, and reads
// no other bits.
#include "compress/positions/position_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "compress/positions/position_codecs.hpp"
#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

struct Kind {
  const char* name;
  std::uint8_t id;
  std::vector<std::uint32_t> parameters;
};

std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.name; }

class EveryPositionCodec : public ::testing::TestWithParam<Kind> {
 protected:
  // A codec for each parameter.
  static std::vector<std::unique_ptr<PositionCodec>> codecs(std::uint64_t d) {
    std::vector<std::unique_ptr<PositionCodec>> made;
    for (const std::uint32_t parameter : GetParam().parameters) {
      made.push_back(make_position_codec(GetParam().id, d, parameter));
    }
    return made;
  }
};

INSTANTIATE_TEST_SUITE_P(
    , EveryPositionCodec,
    ::testing::Values(Kind{"Block", 1, {1, 2, 3, 4, 5, 7, 8, 100, 70000, 1U << 31}},
                      Kind{"EliasFano", 2, {0}}, Kind{"Rice", 3, {1, 2, 4, 64, 1U << 16, 1U << 31}},
                      Kind{"Radix", 4, {1, 2, 3, 4, 5, 7, 8, 100, 70000, 1U << 31}}),
    [](const auto& made) { return std::string(made.param.name); });

TEST_P(EveryPositionCodec, HasTheIdAndTheParameterThatItWasMadeWith) {
  for (const std::uint32_t parameter : GetParam().parameters) {
    const auto codec = make_position_codec(GetParam().id, 10, parameter);
    EXPECT_EQ(codec->id(), GetParam().id);
    EXPECT_EQ(codec->parameter(), parameter);
  }
}

TEST_P(EveryPositionCodec, ReadsBackEverySubsetOfSmallUniversesAtExactlyItsSize) {
  for (std::uint32_t d = 1; d <= 10; ++d) {
    for (const auto& codec : codecs(d)) {
      for (std::uint32_t members = 0; members < 1U << d; ++members) {
        const auto positions = subset(members);
        const Coded coded = encode(*codec, positions);
        ASSERT_EQ(coded.size, codec->size(positions));
        ASSERT_EQ(decode(*codec, coded, positions.size()), positions)
            << "d " << d << ", parameter " << codec->parameter();
      }
    }
  }
}

TEST_P(EveryPositionCodec, ReadsBackRandomSupports) {
  for (const auto& codec : codecs(10007)) {
    for (const std::size_t k : {0U, 1U, 2U, 3U, 101U, 5000U, 10006U, 10007U}) {
      const auto positions = random_support(10007, k, k);
      const Coded coded = encode(*codec, positions);
      ASSERT_EQ(coded.size, codec->size(positions));
      ASSERT_EQ(decode(*codec, coded, k), positions) << "parameter " << codec->parameter();
    }
  }
}

TEST_P(EveryPositionCodec, ReadsOneSetAfterAnotherAtAnyBit) {
  const auto first = random_support(100, 20, 1);
  const auto second = random_support(100, 30, 2);
  for (const auto& codec : codecs(100)) {
    for (unsigned shift = 0; shift < 8; ++shift) {
      BitWriter out;
      out.put(0, shift);
      codec->encode(first, out);
      codec->encode(second, out);
      out.put(~std::uint64_t{0}, 64);  // so that what follows is not zeros
      const Bits size = out.size();
      const auto bytes = out.take();
      BitReader in(bytes, size);
      (void)in.get(shift);
      ASSERT_EQ(codec->decode(in, 20), first);
      ASSERT_EQ(codec->decode(in, 30), second);
      ASSERT_EQ(in.remaining(), Bits(64));
    }
  }
}

TEST_P(EveryPositionCodec, RefusesEveryTruncation) {
  const auto positions = random_support(200, 30, 1);
  for (const auto& codec : codecs(200)) {
    const Coded coded = encode(*codec, positions);
    for (std::uint64_t size = 0; size < coded.size.count(); ++size) {
      BitReader in(coded.bytes, Bits(size));
      ASSERT_THROW((void)codec->decode(in, 30), DecodeError)
          << size << " bits, parameter " << codec->parameter();
    }
  }
}

TEST_P(EveryPositionCodec, DecodesRandomBitsToWhatEncodesToThemOrThrows) {
  std::mt19937_64 random(3);
  int decoded = 0;
  for (int trial = 0; trial < 30000; ++trial) {
    const std::uint64_t d = 1 + random() % 12;
    const std::uint64_t count = random() % (d + 1);
    const auto& parameters = GetParam().parameters;
    const auto codec =
        make_position_codec(GetParam().id, d, parameters[random() % parameters.size()]);
    std::vector<std::byte> bytes(12);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    BitReader in(bytes, Bits::of_bytes(bytes.size()));
    std::vector<Index> positions;
    try {
      positions = codec->decode(in, count);
    } catch (const DecodeError&) {
      continue;
    }
    ++decoded;
    ASSERT_EQ(positions.size(), count);
    const Coded again = encode(*codec, positions);
    ASSERT_EQ(again.size, in.position());
    BitReader original(bytes, again.size);
    BitReader copy(again.bytes, again.size);
    while (copy.remaining() > Bits(0)) ASSERT_EQ(copy.get(1), original.get(1));
  }
  EXPECT_GT(decoded, 1000);
  EXPECT_LT(decoded, 29000);
}

TEST_P(EveryPositionCodec, RefusesAListThatIsNoSetAndWritesNothing) {
  for (const auto& codec : codecs(10)) {
    BitWriter out;
    out.put(1, 1);
    EXPECT_THAT(
        [&] {
          codec->encode(std::vector<Index>{3, 10}, out);
        },
        ThrowsMessage<std::invalid_argument>(HasSubstr("positions[1] = 10 of d = 10")));
    EXPECT_THROW(codec->encode(std::vector<Index>{3, 2}, out), std::invalid_argument);
    EXPECT_THROW(codec->encode(std::vector<Index>{3, 3}, out), std::invalid_argument);
    EXPECT_THROW((void)codec->size(std::vector<Index>{3, 3}), std::invalid_argument);
    EXPECT_EQ(out.size(), Bits(1));
  }
}

TEST_P(EveryPositionCodec, RefusesACountThatNoSetHas) {
  const std::vector<std::byte> bytes(64);
  for (const auto& codec : codecs(10)) {
    for (const std::uint64_t count :
         {std::uint64_t{11}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
      BitReader in(bytes, Bits(512));
      EXPECT_THROW((void)codec->decode(in, count), DecodeError);
    }
  }
}

TEST_P(EveryPositionCodec, RefusesACountThatNoStreamOfItsBitsHas) {
  const std::vector<std::byte> bytes(64);
  for (const auto& codec : codecs((std::uint64_t{1} << 32) - 1)) {
    BitReader in(bytes, Bits(512));
    EXPECT_THROW((void)codec->decode(in, 0xfffffffe), DecodeError);
  }
}

TEST_P(EveryPositionCodec, CodesTheEndsOfTheLargestModel) {
  constexpr std::uint64_t kD = (std::uint64_t{1} << 32) - 1;
  const std::vector<Index> positions{0, 1, 0x7fffffff, 0x80000000, 0xfffffffd, 0xfffffffe};
  for (const std::uint32_t parameter : GetParam().parameters) {
    if (parameter > 0 && parameter < (1U << 16)) continue;  // gigabits of closed blocks
    const auto codec = make_position_codec(GetParam().id, kD, parameter);
    const Coded coded = encode(*codec, positions);
    EXPECT_EQ(coded.size, codec->size(positions));
    EXPECT_EQ(decode(*codec, coded, positions.size()), positions);
  }
}

}  // namespace
}  // namespace mvsgd::compress
