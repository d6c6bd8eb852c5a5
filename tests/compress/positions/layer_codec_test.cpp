// A list by layer has the bits of its layers' lists, one after the other.
#include "compress/positions/layer_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/change_codec.hpp"
#include "compress/positions/delta_codec.hpp"
#include "compress/positions/entropy_codec.hpp"
#include "tests/compress/positions/coded_sets.hpp"

namespace mvsgd::compress {
namespace {

std::shared_ptr<const PositionCodec> blocks(std::uint64_t n, std::uint64_t b) {
  return std::make_shared<BlockPositionCodec>(n, b);
}

LayerCodec example() {
  return {BlockPositionCodec::kId,
          4,
          {{8, 2, blocks(8, 4)}, {2, 2, nullptr}, {8, 1, blocks(8, 4)}},
          false};
}

LayerCodec counted_example() {
  return {BlockPositionCodec::kId,
          4,
          {{8, 3, blocks(8, 4)}, {2, 0, nullptr}, {8, 3, blocks(8, 4)}},
          true};
}

TEST(LayerCodec, ItsExampleHasTheseBits) {
  const LayerCodec codec = example();
  EXPECT_EQ(codec.id(), 65);
  EXPECT_EQ(codec.parameter(), 4U);
  EXPECT_FALSE(codec.is_data_dependent());
  const Set set{1, 6, 8, 9, 15};
  const Coded coded = encode(codec, set);
  EXPECT_EQ(coded.bytes, bits_of("1 10 0  1 01 0  0  1 10 0").bytes);
  EXPECT_EQ(coded.size, Bits(13));
  EXPECT_EQ(codec.size(set), Bits(13));
  EXPECT_EQ(decode(codec, coded, 5), set);
}

TEST(LayerCodec, ItsCountedExampleHasTheseBits) {
  const LayerCodec codec = counted_example();
  EXPECT_TRUE(codec.is_data_dependent());
  const Set set{1, 15};
  const Coded coded = encode(codec, set);
  EXPECT_EQ(coded.bytes, bits_of("10  1 10 0  0  10  0  1 10 0").bytes);
  EXPECT_EQ(coded.size, Bits(14));
  EXPECT_EQ(codec.size(set), Bits(14));
  EXPECT_EQ(decode(codec, coded, 2), set);
}

TEST(LayerCodec, ReadsBackEverySubsetOfASmallUniverse) {
  for (const bool counted : {false, true}) {
    for (std::uint32_t members = 0; members < 1U << 9; ++members) {
      const Set set = subset(members);
      const auto in = [&](std::uint32_t begin, std::uint32_t end) {
        return static_cast<std::uint64_t>(
            std::ranges::count_if(set, [&](Index i) { return i >= begin && i < end; }));
      };
      const LayerCodec codec(EntropyCodec::kId, 0,
                             {{4, counted ? 4 : in(0, 4), std::make_shared<EntropyCodec>(4)},
                              {1, counted ? 1 : in(4, 5), blocks(1, 100)},
                              {4, counted ? 4 : in(5, 9), blocks(4, 2)}},
                             counted);
      const Coded coded = encode(codec, set);
      ASSERT_EQ(coded.size, codec.size(set));
      ASSERT_EQ(decode(codec, coded, set.size()), set);
    }
  }
}

TEST(LayerCodec, HasTheBitsOfItsPartsAgainstWhatBothEndsHave) {
  const std::vector<Index> first{0, 3, 5};
  const std::vector<Index> second{2, 9};
  const auto whole = std::make_shared<EntropyCodec>(12);
  const auto change = std::make_shared<ChangeCodec>(12, second, whole);
  const auto delta = std::make_shared<DeltaCodec>(8, first);
  const LayerCodec codec(ChangeCodec::kId, 0, {{8, 3, delta}, {12, 2, change}}, false);
  EXPECT_TRUE(codec.is_data_dependent());
  const Set set{0, 4, 5, 10, 19};
  EXPECT_EQ(codec.size(set), delta->size(Set{0, 4, 5}) + change->size(Set{2, 11}));
  BitWriter parts;
  delta->encode(Set{0, 4, 5}, parts);
  change->encode(Set{2, 11}, parts);
  const Coded coded = encode(codec, set);
  EXPECT_EQ(coded.size, parts.size());
  EXPECT_EQ(coded.bytes, parts.take());
  EXPECT_EQ(decode(codec, coded, 5), set);
}

TEST(LayerCodec, OfWholeLayersAloneHasNoBits) {
  const LayerCodec codec(BlockPositionCodec::kId, 100, {{1, 1, nullptr}, {3, 3, nullptr}}, false);
  const Coded coded = encode(codec, {0, 1, 2, 3});
  EXPECT_EQ(coded.size, Bits(0));
  EXPECT_THAT(decode(codec, coded, 4), ElementsAre(0, 1, 2, 3));
}

TEST(LayerCodec, RefusesOtherSetsAndWritesNothing) {
  const auto refuse = [](const LayerCodec& codec, const Set& set, const char* why) {
    BitWriter out;
    out.put(1, 1);
    EXPECT_THAT([&] { codec.encode(set, out); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(why)));
    EXPECT_THROW((void)codec.size(set), std::invalid_argument);
    EXPECT_EQ(out.size(), Bits(1));
  };
  refuse(example(), {1, 8, 9, 15}, "1 positions in layer 0, not 2");
  refuse(example(), {1, 6, 8, 15}, "1 positions in layer 1, not 2");
  refuse(example(), {1, 6, 8, 9}, "0 positions in layer 2, not 1");
  refuse(example(), {1, 6, 8, 9, 18}, "positions[4] = 18 of d = 18");
  refuse(counted_example(), {0, 1, 2, 3}, "4 positions in layer 0, not 3");
  refuse(counted_example(), {0, 8}, "1 positions in layer 1, not 0");
  // Only the last codec refuses: it has no such previous set.
  const LayerCodec late(
      DeltaCodec::kId, 0,
      {{8, 1, blocks(8, 4)}, {8, 2, std::make_shared<DeltaCodec>(8, std::vector<Index>{1})}},
      false);
  refuse(late, {1, 9, 10}, "2 positions, not 1");
}

TEST(LayerCodec, RefusesEveryTruncationAndOtherCounts) {
  const LayerCodec codec = counted_example();
  const Coded coded = encode(codec, {1, 15});
  for (std::uint64_t bits = 0; bits < 14; ++bits) {
    BitReader in(coded.bytes, Bits(bits));
    EXPECT_THROW((void)codec.decode(in, 2), DecodeError) << bits;
  }
  EXPECT_THAT([&] { (void)decode(codec, coded, 3); },
              ThrowsMessage<DecodeError>(HasSubstr("2 positions in all layers, not 3")));
  const LayerCodec of_two(BlockPositionCodec::kId, 4, {{8, 2, blocks(8, 4)}}, true);
  EXPECT_THAT([&] { (void)decode(of_two, bits_of("11  1 00 1 10 1 01 0  0"), 3); },
              ThrowsMessage<DecodeError>(HasSubstr("3 positions in layer 0, at most 2")));
}

TEST(LayerCodec, RefusesLayersThatCannotBe) {
  using Layers = std::vector<ListInLayer>;
  EXPECT_THROW(LayerCodec(1, 4, Layers{}, false), std::invalid_argument);
  EXPECT_THROW(LayerCodec(1, 4, Layers{{8, 9, blocks(8, 4)}}, false), std::invalid_argument);
  EXPECT_THROW(LayerCodec(1, 4, Layers{{8, 3, nullptr}}, false), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
