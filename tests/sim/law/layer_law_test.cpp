// The law of lists by layer: numbers by hand, and sums over the layers.
#include "sim/law/layer_law.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace mvsgd::sim {
namespace {

using comm::Bits;
using Set = std::vector<std::uint32_t>;

constexpr std::uint8_t kBlock = 1;
constexpr std::uint8_t kEliasFano = 2;
constexpr std::uint8_t kRice = 3;
constexpr std::uint8_t kRadix = 4;

TEST(LayerLaw, KeepsTheShareRoundedUpInIntegersAndAllOfSmallLayers) {
  EXPECT_EQ(layer_law(100, 7, 2, 0), 7U);  // in doubles .07 * 100 is more than 7
  EXPECT_EQ(layer_law(101, 7, 2, 0), 8U);
  EXPECT_EQ(layer_law(1, 1, 2, 0), 1U);
  EXPECT_EQ(layer_law(64, 1, 2, 0), 1U);
  EXPECT_EQ(layer_law(64, 1, 2, 64), 1U);
  EXPECT_EQ(layer_law(64, 1, 2, 65), 64U);
  EXPECT_EQ(layer_law(1'000, 1, 0, 0), 1'000U);  // phi = 1
  EXPECT_EQ(layer_law(2'359'296, 1, 2, 1'024), 23'593U);
  // 0.123456789012345678 of 2^32 - 1, whose product with the digits has more than 64 bits.
  EXPECT_EQ(layer_law(4'294'967'295, 123'456'789'012'345'678, 18, 0), 530'242'872U);
  EXPECT_THROW((void)layer_law(10, 2, 0, 0), std::invalid_argument);
}

TEST(LayerLaw, CountsTheBitsOfANumber) {
  EXPECT_EQ(count_law(0), Bits(0));
  EXPECT_EQ(count_law(1), Bits(1));
  EXPECT_EQ(count_law(3), Bits(2));
  EXPECT_EQ(count_law(4), Bits(3));
  EXPECT_EQ(count_law(255), Bits(8));
}

// Layers of 1 (whole), 7, 64, 300 and 3 (whole) coordinates.
const std::vector<PartOfList> kVote{{1, 0, 1}, {7, 7, 1}, {64, 64, 1}, {300, 300, 3}, {3, 0, 3}};
const std::vector<PartOfList> kAdd{{1, 0, 0}, {7, 7, 1}, {64, 64, 1}, {300, 300, 2}, {3, 0, 0}};

TEST(LayerLaw, OfAVoteIsTheSumByHand) {
  // B = 100: five positions of 1 + 7 bits, and 1 + 1 + 3 blocks.
  EXPECT_EQ(layers_law({}, kBlock, kVote, false, 9, 100), Bits(5 * 8 + 5));
  // l = 2, 6 and 6: 3 + 2, 7 + 1, 21 + 5.
  EXPECT_EQ(layers_law({}, kEliasFano, kVote, false, 9, 0), Bits(5 + 8 + 26));
  // Flags, block ends, and offsets of 7 bits, three of them in 20.
  EXPECT_EQ(layers_law({}, kRadix, kVote, false, 9, 100), Bits(5 + 5 + 7 + 7 + 20));
  EXPECT_EQ(layers_law({}, kRice, kVote, false, 9, 64), std::nullopt);
}

TEST(LayerLaw, OfAListThatIsCountedHasItsCounts) {
  // Counts of 1, 1 and 2 bits; B = 1000: a position takes 1 + 10, and each layer is one block.
  EXPECT_EQ(layers_law({}, kBlock, kAdd, true, 0, 1'000), Bits(4 + 3));
  EXPECT_EQ(layers_law({}, kBlock, kAdd, true, 4, 1'000), Bits(4 + 3 + 44));
  EXPECT_EQ(layers_law({}, kEliasFano, kAdd, true, 4, 0), std::nullopt);
  // Whole layers of a union are not sent: four of its six positions are in them.
  const std::vector<PartOfList> united{{1, 0, 1}, {7, 7, 2}, {3, 0, 3}};
  EXPECT_EQ(layers_law({}, kBlock, united, true, 6, 4), Bits(2 + 2 + 2 * 3));
}

TEST(LayerLaw, OfWholeLayersAloneIsNothing) {
  const std::vector<PartOfList> whole{{1, 0, 1}, {30, 0, 30}};
  for (const std::uint8_t code : {kBlock, kEliasFano, kRice, kRadix}) {
    EXPECT_EQ(layers_law({}, code, whole, false, 31, 100), Bits(0));
  }
}

TEST(LayerLaw, OfAnyCodeGivesEachLayerItsOwnMembersFromItsBegin) {
  std::vector<Set> lists;
  std::vector<Set> befores;
  const Set list{0, 3, 8, 80, 371, 372, 373, 374};
  const Set before{0, 7, 70, 71, 72, 372};
  const auto law = [&](const PartOfList& part, Coordinates of, Coordinates previous) {
    lists.emplace_back(of.begin(), of.end());
    befores.emplace_back(previous.begin(), previous.end());
    return Bits(part.n);
  };
  EXPECT_EQ(law_of_layers(kVote, false, list, before, law), Bits(7 + 64 + 300));
  EXPECT_EQ(lists, (std::vector<Set>{{2}, {0}, {8, 299}}));
  EXPECT_EQ(befores, (std::vector<Set>{{6}, {62, 63}, {0}}));
  EXPECT_EQ(law_of_layers(kAdd, true, list, before, law), Bits(7 + 64 + 300 + 4));
}

}  // namespace
}  // namespace mvsgd::sim
