// The table of position codes: the code that a run is told to use is the one that its headers name.
#include "compress/positions/position_codecs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

using ::testing::Pair;

TEST(PositionCodecs, HaveTheIdsOfTheWireFormat) {
  std::vector<std::pair<int, std::string>> codecs;
  for (const PositionCodecKind& kind : position_codecs()) codecs.emplace_back(kind.id, kind.name);
  EXPECT_THAT(codecs, ElementsAre(Pair(1, "block"), Pair(2, "elias-fano"), Pair(3, "rice"),
                                  Pair(4, "radix"), Pair(5, "entropy"), Pair(9, "rans")));
}

TEST(PositionCodecs, AreMadeAgainFromTheHeadersOfTheirMessages) {
  const auto positions = random_support(10'007, 101, 1);
  for (const PositionCodecKind& kind : position_codecs()) {
    const auto made = kind.make(10'007, 101, 100);
    EXPECT_EQ(made->id(), kind.id) << kind.name;
    const auto named = make_position_codec(made->id(), 10'007, made->parameter());
    EXPECT_EQ(named->id(), kind.id) << kind.name;
    EXPECT_EQ(named->parameter(), made->parameter()) << kind.name;
    EXPECT_EQ(decode(*named, encode(*made, positions), 101), positions) << kind.name;
  }
}

TEST(PositionCodecs, LookAtTheBlockWhereTheyHaveBlocksAlone) {
  for (const PositionCodecKind& kind : position_codecs()) {
    EXPECT_EQ(kind.make(10'007, 101, 100)->parameter() != kind.make(10'007, 101, 64)->parameter(),
              kind.has_blocks)
        << kind.name;
    EXPECT_EQ(kind.make(10'007, 101, 100)->parameter() == 100, kind.has_blocks) << kind.name;
  }
}

TEST(PositionCodecs, AreFoundByName) {
  for (const PositionCodecKind& kind : position_codecs()) {
    EXPECT_EQ(&position_codec_named(kind.name), &kind);
  }
  EXPECT_THAT([] { (void)position_codec_named("delta"); },
              ThrowsMessage<std::invalid_argument>(
                  "one of block, elias-fano, rice, radix, entropy, rans is wanted"));
}

TEST(MakePositionCodec, RefusesWhatThereIsNot) {
  EXPECT_THAT([] { (void)make_position_codec(0xfe, 10, 4); },
              ThrowsMessage<DecodeError>(HasSubstr("position codec 254")));
  EXPECT_THROW((void)make_position_codec(0, 10, 0), DecodeError);
  EXPECT_THROW((void)make_position_codec(1, 10, 0), DecodeError);
  EXPECT_THROW((void)make_position_codec(2, 10, 4), DecodeError);
  EXPECT_THROW((void)make_position_codec(3, 10, 5), DecodeError);
  EXPECT_THROW((void)make_position_codec(3, 10, 0), DecodeError);
  EXPECT_THROW((void)make_position_codec(4, 10, 0), DecodeError);
  EXPECT_THROW((void)make_position_codec(6, 10, 0), DecodeError);  // delta: against what?
  for (std::uint8_t id = 1; id <= 4; ++id) {
    EXPECT_THROW((void)make_position_codec(id, 0, id == 2 ? 0 : 4), DecodeError);
    EXPECT_THROW((void)make_position_codec(id, std::uint64_t{1} << 32, id == 2 ? 0 : 4),
                 DecodeError);
  }
}

}  // namespace
}  // namespace mvsgd::compress
