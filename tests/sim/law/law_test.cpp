// The law of eqs 13-15.
#include "sim/law/law.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "compress/positions/position_codecs.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint64_t kD = 11'173'962;
constexpr std::uint64_t kK = 111'740;

TEST(Law, Equation14AtThePapersSizeIs1005660Bits) {
  EXPECT_EQ(position_law({}, kD, kK, 100), comm::Bits(1'005'660));
}

TEST(Law, Equation13AtThePapersSizeIs3575680Bits) {
  EXPECT_EQ(value_law(kK, 32), comm::Bits(3'575'680));
  EXPECT_EQ(value_law(kK, 4), comm::Bits(446'960));
}

TEST(Law, EqualsThePrintedEquation14WhenBIsAPowerOfTwoThatDividesD) {
  // phi = 1/64, d = 64 * 1000: K = 1000, B = 64.
  EXPECT_DOUBLE_EQ(equation_14(64'000, 1.0 / 64), 8000.0);
  EXPECT_EQ(position_law({}, 64'000, 1000, 64), comm::Bits(8000));
}

TEST(Law, DifferenceFromThePrintedEquationIsItemisedInFull) {
  for (const double phi : {0.01, 0.03, 0.001, 0.25}) {
    const auto k = static_cast<std::uint64_t>(phi * 20'011) + 1;
    const auto block = static_cast<std::uint64_t>(1 / phi + 0.5);
    const PositionDifference parts = position_difference(20'011, phi, k, block);
    const double law = static_cast<double>(position_law({}, 20'011, k, block).count());
    EXPECT_NEAR(law - equation_14(20'011, phi),
                parts.rounding_of_k + parts.rounding_of_log2 + parts.block_count, 1e-6)
        << phi;
  }
}

TEST(Law, ABlockOfOneNeedsNoOffset) {
  // phi = 1: one flag for each position, one end for each block.
  EXPECT_EQ(position_law({}, 10, 10, 1), comm::Bits(20));
}

TEST(Law, AddAndDropListsAtThePapersSizeAre268176Bits) {
  constexpr std::uint64_t kKad = 11'174;
  const comm::Bits list = position_law({}, kD, kKad, 1000);
  EXPECT_EQ(list + list, comm::Bits(268'176));
  // In general, both lists together take 22 k_t + 2 ceil(d / 1000) bits.
  for (const std::uint64_t k_t : {0U, 1U, 5'000U, 11'174U}) {
    EXPECT_EQ(2 * position_law({}, kD, k_t, 1000).count(), 22 * k_t + 2 * 11'174) << k_t;
  }
}

TEST(Law, AUnionOfDisjointSupportsReachesTable1sBound) {
  EXPECT_EQ(position_law({}, kD, 10 * kK, 10), comm::Bits(6'704'397));
  EXPECT_EQ(value_law(10 * kK, 32), comm::Bits(35'756'800));
}

TEST(Law, TwoToTheQMinus1LevelMeansTravelAsFloats) {
  EXPECT_EQ(level_mean_law({}, kK, 4, 0), comm::Bits(256));
  for (std::uint64_t q = 2; q <= 8; ++q) {
    EXPECT_EQ(level_mean_law({}, kK, q, 0), comm::Bits(std::uint64_t{16} << q)) << q;
  }
}

TEST(Law, AScaleTravelsForEachBlockOfSigns) {
  EXPECT_EQ(level_mean_law({}, kK, 1, 0), comm::Bits(32));
  EXPECT_EQ(level_mean_law({}, kK, 1, 1000), comm::Bits(112 * 32));  // 111.74 blocks
  EXPECT_EQ(level_mean_law({}, kK, 1, kK), comm::Bits(32));
  EXPECT_EQ(level_mean_law({}, kK, 1, 1), comm::Bits(kK * 32));
}

TEST(Law, IsTheSizeOfEveryCodeWhoseSizeItKnows) {
  for (const compress::PositionCodecKind& kind : compress::position_codecs()) {
    for (const auto& [n, k, block] : {std::array<std::uint64_t, 3>{10'007, 101, 100},
                                      {10'007, 0, 100},
                                      {20'011, 201, 64},
                                      {201, 20, 10},
                                      {5, 5, 1}}) {
      const auto codec = kind.make(n, k, block);
      std::vector<compress::Index> positions(k);
      for (std::uint64_t j = 0; j < k; ++j) positions[j] = static_cast<compress::Index>(j * n / k);
      const auto law = position_law_of_code({}, kind.id, n, k, block);
      // A new code must have a law here, or say that its length depends on the set.
      ASSERT_EQ(law.has_value(), !codec->is_data_dependent()) << kind.name;
      if (law) {
        EXPECT_EQ(*law, codec->size(positions)) << kind.name << " of " << n;
      }
    }
  }
}

TEST(Law, AStairKeepsAQuarterOfTheOneBeforeDownToK) {
  const std::array<std::uint64_t, 7> of_the_paper = {kK, 2'793'491, 698'373, 174'594, kK, kK, kK};
  const std::array<std::uint64_t, 7> of_a_thousandth = {11'174, 2'793'491, 698'373, 174'594,
                                                        43'649, 11'174,    11'174};
  for (std::uint32_t stair = 0; stair < 7; ++stair) {
    EXPECT_EQ(stair_law(kD, kK, stair), of_the_paper[stair]) << stair;
    EXPECT_EQ(stair_law(kD, 11'174, stair), of_a_thousandth[stair]) << stair;
  }
  EXPECT_EQ(stair_law(64, 1, 3), 1U);
  EXPECT_EQ(stair_law(65, 1, 3), 2U);
  EXPECT_EQ(stair_law(64, 64, 1), 64U);
}

TEST(Law, MOfTheWorkersSendUnlessVotesBegin) {
  EXPECT_EQ(senders_law(10, 0, false), 10U);
  EXPECT_EQ(senders_law(10, 0, true), 10U);
  EXPECT_EQ(senders_law(10, 3, false), 3U);
  EXPECT_EQ(senders_law(10, 3, true), 10U);
  EXPECT_EQ(senders_law(10, 10, false), 10U);
}

TEST(Law, NothingTravelsBesideFloats) { EXPECT_EQ(level_mean_law({}, kK, 32, 0), comm::Bits(0)); }

TEST(Law, PaddingFillsTheLastByte) {
  EXPECT_EQ(padding_law(comm::Bits(16)), comm::Bits(0));
  EXPECT_EQ(padding_law(comm::Bits(17)), comm::Bits(7));
  EXPECT_EQ(padding_law(comm::Bits(1'005'660 + 192)), comm::Bits(4));
}

// Ten values in three blocks: 0 to 2, 3 to 5, 6 to 9. At first place 0 does not send block 1, place
// 1 not block 2, place 2 not block 0; then 0 not block 2, 1 not block 0, 2 not block 1.
TEST(Law, OfTheRingIsAllButABlockInEachPass) {
  const auto sent = [](std::uint64_t n, std::uint64_t workers, RingPass pass) {
    std::vector<std::uint64_t> all;
    for (std::uint64_t p = 0; p < workers; ++p) all.push_back(ring_law(n, workers, p, pass));
    return all;
  };
  using Values = std::vector<std::uint64_t>;
  EXPECT_EQ(sent(10, 3, RingPass::reduce), (Values{7, 6, 7}));
  EXPECT_EQ(sent(10, 3, RingPass::gather), (Values{6, 7, 7}));
  // Where P divides n, (P - 1) / P of n in each pass.
  EXPECT_EQ(sent(12, 4, RingPass::reduce), (Values{9, 9, 9, 9}));
  EXPECT_EQ(sent(12, 4, RingPass::gather), (Values{9, 9, 9, 9}));
  // Two values in five blocks: the third has one, and so has the last.
  EXPECT_EQ(sent(2, 5, RingPass::reduce), (Values{2, 1, 2, 1, 2}));
  EXPECT_EQ(sent(2, 5, RingPass::gather), (Values{1, 2, 1, 2, 2}));
  EXPECT_EQ(sent(5, 2, RingPass::reduce), (Values{2, 3}));
  EXPECT_EQ(sent(5, 2, RingPass::gather), (Values{3, 2}));
  EXPECT_EQ(sent(7, 1, RingPass::reduce), (Values{0}));
  EXPECT_EQ(sent(7, 1, RingPass::gather), (Values{0}));
  // K of the paper among its ten workers: 11,174 values in each block.
  EXPECT_EQ(ring_law(111'740, 10, 3, RingPass::reduce), 9U * 11'174);
}

}  // namespace
}  // namespace mvsgd::sim
