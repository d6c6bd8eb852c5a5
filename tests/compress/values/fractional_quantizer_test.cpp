// The fractional quantiser of eq 18: its example, its corner rules, its boundaries, the plain
// definition bit for bit, and an error that does not rise with q.
#include "compress/values/fractional_quantizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/compress/values/quantizer_inputs.hpp"

namespace mvsgd::compress {
namespace {

using comm::BitWriter;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
constexpr float kMax = std::numeric_limits<float>::max();
constexpr unsigned kMostBits = 8;

double error(unsigned q, const std::vector<float>& v) {
  return squared_distance(recovered(FractionalQuantizer(q), v), v);
}

// The level 1..L of each value.
std::vector<std::size_t> levels_of(unsigned q, const std::vector<float>& v) {
  const std::size_t levels = std::size_t{1} << (q - 1);
  std::vector<std::size_t> of;
  for (const std::uint8_t code : FractionalQuantizer(q).quantize(v).codes) {
    of.push_back(code % levels + 1);
  }
  return of;
}

const std::vector<float> kExample = {16, -10, -4, 1, 0, 2, -6};

TEST(FractionalQuantizer, QuantizesTheExampleOfItsHeader) {
  const FractionalQuantizer quantizer(3);
  EXPECT_THAT(quantizer.boundaries(kExample), ElementsAre(16.0, 8.0, 4.0, 2.0));
  const Quantized quantized = quantizer.quantize(kExample);
  EXPECT_THAT(quantized.codes, ElementsAre(0b000, 0b100, 0b110, 0b011, 0b011, 0b011, 0b101));
  EXPECT_THAT(quantized.magnitudes, ElementsAre(13.0F, 6.0F, 4.0F, 1.0F));
  EXPECT_THAT(recovered(quantizer, kExample),
              ElementsAre(13.0F, -13.0F, -4.0F, 1.0F, 1.0F, 1.0F, -6.0F));
}

TEST(FractionalQuantizer, HasTheExamplesBytes) {
  const Quantized quantized = FractionalQuantizer(3).quantize(kExample);
  BitWriter out;
  encode_codes(quantized.codes, 3, out);
  out.put(0, 3);  // up to the byte's end
  encode_magnitudes(quantized.magnitudes, out);
  std::vector<long> bytes;
  for (const std::byte byte : out.take()) bytes.push_back(std::to_integer<long>(byte));
  EXPECT_THAT(bytes, ElementsAre(0xa0, 0xb7, 0x15,          // codes
                                 0x00, 0x00, 0x50, 0x41,    // 13
                                 0x00, 0x00, 0xc0, 0x40,    // 6
                                 0x00, 0x00, 0x80, 0x40,    // 4
                                 0x00, 0x00, 0x80, 0x3f));  // 1
}

TEST(FractionalQuantizer, HasTwoToEightBits) {
  EXPECT_THAT([] { FractionalQuantizer quantizer(1); },
              ThrowsMessage<std::invalid_argument>("FractionalQuantizer: q = 1"));
  EXPECT_THROW(FractionalQuantizer(0), std::invalid_argument);
  EXPECT_THROW(FractionalQuantizer(9), std::invalid_argument);
  for (unsigned q = 2; q <= kMostBits; ++q) EXPECT_EQ(FractionalQuantizer(q).value_bits(), q);
}

TEST(FractionalQuantizer, SendsAMeanForEachLevelWhateverTheCount) {
  for (unsigned q = 2; q <= kMostBits; ++q) {
    for (const std::size_t count : {0U, 1U, 3U, 1000U}) {
      const std::vector<float> v(count, 1.0F);
      EXPECT_EQ(FractionalQuantizer(q).magnitudes(count), std::size_t{1} << (q - 1));
      EXPECT_EQ(FractionalQuantizer(q).quantize(v).magnitudes.size(), std::size_t{1} << (q - 1));
    }
  }
}

TEST(FractionalQuantizer, OfAnEmptyVectorHasMeansOfZero) {
  const Quantized quantized = FractionalQuantizer(4).quantize({});
  EXPECT_THAT(quantized.codes, IsEmpty());
  EXPECT_EQ(bits(quantized.magnitudes), std::vector<std::uint32_t>(8));
  EXPECT_THAT(FractionalQuantizer(4).boundaries({}), Each(0.0));
}

TEST(FractionalQuantizer, TakesVMinFromWhatIsNotZero) {
  EXPECT_THAT(FractionalQuantizer(2).boundaries(std::vector<float>{0.0F, 4.0F, -0.0F, -1.0F}),
              ElementsAre(4.0, 2.0));
}

TEST(FractionalQuantizer, PutsZerosInTheLastLevelWithSignZeroAndCountsThemInItsMean) {
  const std::vector<float> v = {0.0F, 4.0F, -0.0F, -1.0F};
  const Quantized quantized = FractionalQuantizer(2).quantize(v);
  EXPECT_THAT(quantized.codes, ElementsAre(0b01, 0b00, 0b01, 0b11));
  EXPECT_THAT(quantized.magnitudes, ElementsAre(4.0F, 1.0F / 3.0F));
}

TEST(FractionalQuantizer, RecoversZerosAloneAsPlusZero) {
  for (unsigned q = 2; q <= kMostBits; ++q) {
    const std::vector<float> v = {0.0F, -0.0F, 0.0F};
    EXPECT_THAT(levels_of(q, v), Each(std::size_t{1} << (q - 1)));
    EXPECT_EQ(bits(recovered(FractionalQuantizer(q), v)), bits(std::vector<float>(3)));
  }
}

TEST(FractionalQuantizer, RecoversEqualMagnitudesExactlyFromTheLastLevel) {
  for (unsigned q = 2; q <= kMostBits; ++q) {
    for (const float magnitude : {kDenormal, 0.1F, 1.0F, kMax}) {
      std::vector<float> v(1001, magnitude);
      for (std::size_t i = 0; i < v.size(); i += 3) v[i] = -magnitude;
      EXPECT_THAT(levels_of(q, v), Each(std::size_t{1} << (q - 1)));
      EXPECT_EQ(recovered(FractionalQuantizer(q), v), v);
    }
  }
}

TEST(FractionalQuantizer, RecoversOneValueExactly) {
  for (unsigned q = 2; q <= kMostBits; ++q) {
    for (const float value : {-kMax, -0.3F, kDenormal, 7.0F}) {
      EXPECT_THAT(recovered(FractionalQuantizer(q), {value}), ElementsAre(value));
    }
  }
}

TEST(FractionalQuantizer, RecoversTwoMagnitudesExactly) {
  // The two values are v_max and v_min, which are in different levels for every q.
  for (unsigned q = 2; q <= kMostBits; ++q) {
    for (const std::vector<float>& v : {std::vector<float>{1.0F, -0x1.000002p0F, -1.0F},
                                        {kMax, kDenormal, -kMax},
                                        {kDenormal, -2 * kDenormal}}) {
      EXPECT_EQ(recovered(FractionalQuantizer(q), v), v);
    }
  }
}

TEST(FractionalQuantizer, HasAMeanOfZeroWhereALevelIsEmptyAndNoCodeOfIt) {
  const Quantized quantized = FractionalQuantizer(4).quantize(std::vector<float>{-256.0F, 1.0F});
  EXPECT_THAT(quantized.codes, ElementsAre(0b1000, 0b0111));
  EXPECT_EQ(bits(quantized.magnitudes), bits(std::vector<float>{256, 0, 0, 0, 0, 0, 0, 1}));
}

TEST(FractionalQuantizer, QuantizesDenormalsBesideTheLargestFloat) {
  // alpha = (2^128 (1 - 2^-24) / 2^-149)^(1/4) is slightly below 2^69.25.
  const std::vector<float> v = {kMax, 1e-40F, -kDenormal, 1.0F, -3 * kDenormal, 1e20F};
  const Quantized quantized = FractionalQuantizer(3).quantize(v);
  EXPECT_THAT(quantized.codes, ElementsAre(0b000, 0b011, 0b111, 0b001, 0b111, 0b000));
  EXPECT_THAT(quantized.magnitudes,
              ElementsAre(static_cast<float>((double{kMax} + double{1e20F}) / 2), 1.0F, 0.0F,
                          static_cast<float>((double{1e-40F} + 4 * double{kDenormal}) / 3)));
}

TEST(FractionalQuantizer, KeepsTheSignOfAMeanThatRoundsToZero) {
  const std::vector<float> v = {-kDenormal, 0.0F, 0.0F};
  EXPECT_EQ(bits(recovered(FractionalQuantizer(2), v)), bits(std::vector<float>{-0.0F, 0, 0}));
}

TEST(FractionalQuantizer, SumsInDoubleInIncreasingIndexAndRoundsOnce) {
  // The boundary is 2^53, so all values but 2^106 are in level 2. 2^53 + 2^29 lies between two
  // floats. In double the ones are lost one by one if added after it; added before it they are not.
  std::vector<float> v = {0x1p106F, 0x1p53F, 0x1p29F, 1.0F, 1.0F};
  EXPECT_THAT(FractionalQuantizer(2).quantize(v).magnitudes, ElementsAre(0x1p106F, 0x1p51F));
  std::reverse(v.begin(), v.end());
  EXPECT_THAT(FractionalQuantizer(2).quantize(v).magnitudes,
              ElementsAre(0x1p106F, 0x1p51F + 0x1p28F));
}

TEST(FractionalQuantizer, HasTheBoundariesOfEq18) {
  // Each root adds 2^-53 to half the relative error of the one before, so none passes 2^-52. A
  // product of at most seven, its roundings and the quotient's stay below 2^-48. pow's own error is
  // below 2^-48, too: (1/L) log(v_max / v_min) < 100, and pow is good to a few units.
  for (const auto& [name, v] : quantizer_inputs()) {
    double v_max = 0;
    double v_min = std::numeric_limits<double>::infinity();
    for (const float x : v) v_max = std::max<double>(v_max, std::fabs(x));
    for (const float x : v) {
      if (x != 0) v_min = std::min<double>(v_min, std::fabs(x));
    }
    if (v_max == 0) continue;
    for (unsigned q = 2; q <= kMostBits; ++q) {
      const auto b = FractionalQuantizer(q).boundaries(v);
      const double levels = std::pow(2.0, q - 1);
      ASSERT_EQ(static_cast<double>(b.size()), levels);
      ASSERT_EQ(b[0], v_max);
      for (std::size_t l = 0; l < b.size(); ++l) {
        const double expected = v_max / std::pow(v_max / v_min, static_cast<double>(l) / levels);
        ASSERT_NEAR(b[l], expected, 0x1p-47 * expected) << name << ", q = " << q << ", l = " << l;
      }
    }
  }
}

TEST(FractionalQuantizer, HasTheSameBoundariesForeverAndEverywhere) {
  // Computed by the header's numerics in Python, whose floats are doubles. Another order of the
  // roots, or a product with the reciprocal instead of the quotient, changes their last bits.
  EXPECT_THAT(FractionalQuantizer(4).boundaries(std::vector<float>{0.9F, 1e-3F}),
              ElementsAre(0x1.ccccccp-1, 0x1.89c9a6989ac24p-2, 0x1.50854eff1b411p-3,
                          0x1.1f94f604faf47p-4, 0x1.eb851f0eeeee9p-6, 0x1.a40a4c5225997p-7,
                          0x1.66f499665e923p-8, 0x1.32c1072a1a27bp-9));
}

TEST(FractionalQuantizer, HasEverySecondBoundaryOfOneBitMore) {
  for (const auto& [name, v] : quantizer_inputs()) {
    for (unsigned q = 2; q < kMostBits; ++q) {
      const auto coarse = FractionalQuantizer(q).boundaries(v);
      const auto fine = FractionalQuantizer(q + 1).boundaries(v);
      for (std::size_t l = 0; l < coarse.size(); ++l) {
        ASSERT_EQ(coarse[l], fine[2 * l]) << name << ", q = " << q << ", l = " << l;
      }
    }
  }
}

TEST(FractionalQuantizer, HasFallingBoundariesAboveVMinWhereMagnitudesDiffer) {
  for (const std::vector<float>& v : {std::vector<float>{1.0F, 0x1.000002p0F},
                                      {kMax, 0x1.fffffcp127F},  // the float below it
                                      {kMax, kDenormal},
                                      {kDenormal, 2 * kDenormal}}) {
    const double v_min = std::min(v[0], v[1]);
    for (unsigned q = 2; q <= kMostBits; ++q) {
      const auto b = FractionalQuantizer(q).boundaries(v);
      for (std::size_t l = 1; l < b.size(); ++l) ASSERT_LT(b[l], b[l - 1]);
      ASSERT_GT(b.back(), v_min);
    }
  }
}

TEST(FractionalQuantizer, PutsAMagnitudeAtABoundaryInTheLevelBelow) {
  // 2^64 down to 2^-64: boundary l is 2^(64 - 128 l / L).
  const std::vector<float> v = powers_of_two();
  for (unsigned q = 2; q <= kMostBits; ++q) {
    const std::size_t levels = std::size_t{1} << (q - 1);
    const auto b = FractionalQuantizer(q).boundaries(v);
    const auto level = levels_of(q, v);
    std::size_t seen = 0;
    for (std::size_t l = 1; l < levels; ++l) {
      const auto boundary =
          static_cast<float>(std::ldexp(1.0, 64 - static_cast<int>(128 / levels * l)));
      ASSERT_EQ(b[l], boundary);
      for (std::size_t i = 0; i < v.size(); ++i) {
        const float m = std::fabs(v[i]);
        if (m == boundary || m == std::nextafter(boundary, 0.0F)) {
          ASSERT_EQ(level[i], l + 1) << m << ", q = " << q;
          ++seen;
        } else if (m == std::nextafter(boundary, kMax)) {
          ASSERT_EQ(level[i], l) << m << ", q = " << q;
          ++seen;
        }
      }
    }
    EXPECT_EQ(seen, 3 * (levels - 1));
  }
}

TEST(FractionalQuantizer, EqualsTheDefinitionBitForBit) {
  for (const auto& [name, v] : quantizer_inputs()) {
    for (unsigned q = 2; q <= kMostBits; ++q) {
      SCOPED_TRACE(name + ", q = " + std::to_string(q));
      const Quantized fast = FractionalQuantizer(q).quantize(v);
      const Quantized plain = FractionalQuantizer(q).quantize_by_definition(v);
      ASSERT_EQ(fast.codes, plain.codes);
      ASSERT_EQ(bits(fast.magnitudes), bits(plain.magnitudes));
    }
  }
}

TEST(FractionalQuantizer, EqualsTheDefinitionOnTheFloatsBesideEachBoundary) {
  // The values lie inside [v_min, v_max], so they move no boundary. Most boundaries are no floats;
  // of those, the nearest float is above as often as below.
  for (std::vector<float> v :
       {std::vector<float>{1.7F, 0.3F}, {kMax, kDenormal}, {3e-39F, 5e-44F}}) {
    const auto b = FractionalQuantizer(kMostBits).boundaries(v);
    for (std::size_t l = 1; l < b.size(); ++l) {
      const auto nearest = static_cast<float>(b[l]);
      v.insert(v.end(), {std::nextafter(nearest, 0.0F), nearest, std::nextafter(nearest, kMax)});
    }
    for (unsigned q = 2; q <= kMostBits; ++q) {
      const Quantized fast = FractionalQuantizer(q).quantize(v);
      const Quantized plain = FractionalQuantizer(q).quantize_by_definition(v);
      ASSERT_EQ(fast.codes, plain.codes) << "q = " << q;
      ASSERT_EQ(bits(fast.magnitudes), bits(plain.magnitudes)) << "q = " << q;
    }
  }
}

TEST(FractionalQuantizer, RecoversASignedValueInsideItsLevel) {
  for (const auto& [name, v] : quantizer_inputs()) {
    const bool zeros = std::find(v.begin(), v.end(), 0.0F) != v.end();
    float v_min = kMax;
    for (const float x : v) v_min = x != 0 ? std::min(v_min, std::fabs(x)) : v_min;
    for (unsigned q = 2; q <= kMostBits; ++q) {
      const auto b = FractionalQuantizer(q).boundaries(v);
      const auto level = levels_of(q, v);
      const auto result = recovered(FractionalQuantizer(q), v);
      for (std::size_t i = 0; i < v.size(); ++i) {
        SCOPED_TRACE(name + ", q = " + std::to_string(q) + ", i = " + std::to_string(i));
        const double m = std::fabs(result[i]);
        ASSERT_EQ(std::signbit(result[i]), v[i] < 0);
        ASSERT_LE(m, b[level[i] - 1]);
        if (level[i] < b.size()) {
          ASSERT_GT(m, b[level[i]]);
        } else {
          ASSERT_GE(m, zeros ? 0.0F : v_min);
        }
      }
    }
  }
}

TEST(FractionalQuantizer, HasNoLargerErrorWithOneBitMore) {
  // One more bit divides levels, and the mean has the least squared distance from its level.
  for (const auto& [name, v] : quantizer_inputs()) {
    double coarse = error(2, v);
    for (unsigned q = 3; q <= kMostBits; ++q) {
      const double fine = error(q, v);
      EXPECT_LE(fine, coarse + error_slack(v, coarse + fine)) << name << ", q = " << q;
      coarse = fine;
    }
  }
}

// Sums that are not exact are taken in the order of the values. Here 2^30 absorbs the last places
// of the two values above 1, unless these are added to each other first.
TEST(FractionalQuantizer, AddsUpALevelInTheOrderOfItsValues) {
  const float above_one = 1 + 0x1p-23F;
  const std::vector<float> v{0x1p30F, above_one, 10, 10, 10, above_one, 16, 16, 0x1p-30F};
  const FractionalQuantizer quantizer(2);
  const Quantized quantized = quantizer.quantize(v);
  // (2^30 + 64) / 8 lies between two floats and goes to the even one; more would go to the other.
  EXPECT_THAT(quantized.magnitudes, testing::ElementsAre(0x1p27F, 0x1p-30F));
  EXPECT_EQ(quantized.magnitudes, quantizer.quantize_by_definition(v).magnitudes);
}

}  // namespace
}  // namespace mvsgd::compress
