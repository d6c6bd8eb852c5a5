// The scaled sign of eq 17: its example, its corner rules, and the identity that makes it a
// contraction.
#include "compress/values/scaled_sign.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "tests/compress/values/quantizer_inputs.hpp"

namespace mvsgd::compress {
namespace {

using comm::BitWriter;
using ::testing::ElementsAre;

double error(const ScaledSign& quantizer, const std::vector<float>& v) {
  return squared_distance(recovered(quantizer, v), v);
}

const std::vector<float> kExample = {3, -1, -2, 0, -4};

TEST(ScaledSign, QuantizesTheExampleOfItsHeader) {
  const ScaledSign quantizer(3);
  EXPECT_EQ(quantizer.value_bits(), 1U);
  const Quantized quantized = quantizer.quantize(kExample);
  EXPECT_THAT(quantized.codes, ElementsAre(0, 1, 1, 0, 1));
  EXPECT_THAT(quantized.magnitudes, ElementsAre(2.0F, 2.0F));
  EXPECT_THAT(recovered(quantizer, kExample), ElementsAre(2.0F, -2.0F, -2.0F, 2.0F, -2.0F));
}

TEST(ScaledSign, HasTheExamplesBytes) {
  const Quantized quantized = ScaledSign(3).quantize(kExample);
  BitWriter out;
  encode_codes(quantized.codes, 1, out);
  out.put(0, 3);  // up to the byte's end
  encode_magnitudes(quantized.magnitudes, out);
  std::vector<long> bytes;
  for (const std::byte byte : out.take()) bytes.push_back(std::to_integer<long>(byte));
  EXPECT_THAT(bytes, ElementsAre(0x16, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0x40));
}

TEST(ScaledSign, OfAWholeVectorHasOneScale) {
  for (const std::size_t block : {0U, 5U, 6U, 1000U}) {
    const Quantized quantized = ScaledSign(block).quantize(kExample);
    EXPECT_THAT(quantized.magnitudes, ElementsAre(2.0F));
    EXPECT_THAT(quantized.codes, ElementsAre(0, 1, 1, 0, 1));
  }
}

TEST(ScaledSign, HasAScaleForEachBlockTheShortLastOneToo) {
  EXPECT_EQ(ScaledSign(0).magnitudes(0), 0U);
  EXPECT_EQ(ScaledSign(0).magnitudes(1), 1U);
  EXPECT_EQ(ScaledSign(0).magnitudes(1000), 1U);
  EXPECT_EQ(ScaledSign(4).magnitudes(0), 0U);
  EXPECT_EQ(ScaledSign(4).magnitudes(3), 1U);
  EXPECT_EQ(ScaledSign(4).magnitudes(4), 1U);
  EXPECT_EQ(ScaledSign(4).magnitudes(5), 2U);
  EXPECT_EQ(ScaledSign(4).magnitudes(8), 2U);
  EXPECT_THAT(ScaledSign(2).quantize(std::vector<float>{1, -3, 5, 7, 11}).magnitudes,
              ElementsAre(2.0F, 6.0F, 11.0F));
}

TEST(ScaledSign, RecoversBothZerosAsPlusTheScale) {
  const std::vector<float> v = {0.0F, -0.0F, -6.0F};
  EXPECT_THAT(ScaledSign(0).quantize(v).codes, ElementsAre(0, 0, 1));
  EXPECT_THAT(recovered(ScaledSign(0), v), ElementsAre(2.0F, 2.0F, -2.0F));
}

TEST(ScaledSign, RecoversZerosAloneAsPlusZero) {
  const std::vector<float> v = {0.0F, -0.0F, 0.0F};
  EXPECT_EQ(bits(recovered(ScaledSign(0), v)), bits(std::vector<float>(3)));
}

TEST(ScaledSign, SumsInDoubleInIncreasingIndexAndRoundsOnce) {
  // In float the two small values would be lost, one after another.
  const std::vector<float> small = {1.0F, 0x1p-24F, 0x1p-24F};
  EXPECT_THAT(ScaledSign(0).quantize(small).magnitudes, ElementsAre((1.0F + 0x1p-23F) / 3.0F));
  static_assert((1.0F + 0x1p-23F) / 3.0F != 1.0F / 3.0F);
  // 2^53 + 2^29 lies between two floats. In double the ones are lost one by one if added after it.
  // Added before it they are not lost, and lift the sum off the middle.
  std::vector<float> v = {0x1p53F, 0x1p29F, 1.0F, 1.0F};
  EXPECT_THAT(ScaledSign(0).quantize(v).magnitudes, ElementsAre(0x1p51F));
  std::reverse(v.begin(), v.end());
  EXPECT_THAT(ScaledSign(0).quantize(v).magnitudes, ElementsAre(0x1p51F + 0x1p28F));
}

TEST(ScaledSign, DoesNotOverflowOnTheLargestFloats) {
  constexpr float kMax = std::numeric_limits<float>::max();
  const std::vector<float> v(1000, -kMax);
  EXPECT_EQ(recovered(ScaledSign(0), v), v);
}

TEST(ScaledSign, RecoversEachSignButThatOfZeros) {
  for (const auto& [name, v] : quantizer_inputs()) {
    SCOPED_TRACE(name);
    for (const std::size_t block : {0U, 1U, 7U}) {
      const auto result = recovered(ScaledSign(block), v);
      for (std::size_t i = 0; i < v.size(); ++i) ASSERT_EQ(std::signbit(result[i]), v[i] < 0) << i;
    }
  }
}

TEST(ScaledSign, IsAContractionByTheIdentityOfItsHeader) {
  // ||v||^2 - ||v||_1^2 / d is a difference of two sums in double. Each is off by a share of
  // (d + 3) 2^-53 of at most ||v||^2 (the squared one by twice that); error_slack has the rest.
  for (const auto& [name, v] : quantizer_inputs()) {
    SCOPED_TRACE(name);
    if (v.empty()) continue;
    const auto d = static_cast<double>(v.size());
    double norm_1 = 0;
    for (const float x : v) norm_1 += std::fabs(x);
    const double norm_2 = squared_norm(v);
    const double measured = error(ScaledSign(0), v);
    const double slack = error_slack(v, measured) + 3 * (d + 3) * 0x1p-53 * norm_2;
    EXPECT_NEAR(measured, norm_2 - norm_1 * norm_1 / d, slack);
    EXPECT_LE(measured, (1 - 1 / d) * norm_2 + slack);
  }
}

TEST(ScaledSign, HasNoLargerErrorWithBlocksInsideItsBlocks) {
  // The mean is the scale of least squared error for a block. A smaller block could also have the
  // scale of the block around it.
  for (const auto& [name, v] : quantizer_inputs()) {
    SCOPED_TRACE(name);
    double larger = error(ScaledSign(0), v);
    for (const std::size_t block : {960U, 64U, 16U, 4U, 1U}) {  // each divides the previous one
      const double smaller = error(ScaledSign(block), v);
      EXPECT_LE(smaller, larger + error_slack(v, larger + smaller)) << block;
      larger = smaller;
    }
    EXPECT_EQ(larger, 0.0);  // a value alone is its own scale
  }
}

TEST(ScaledSign, HasASmallerErrorWithBlocksOfTwoScales) {
  std::vector<float> v(128, 1.0F);
  std::fill(v.begin() + 64, v.end(), -100.0F);
  EXPECT_EQ(error(ScaledSign(64), v), 0.0);
  EXPECT_EQ(error(ScaledSign(0), v), 128 * 49.5 * 49.5);
}

}  // namespace
}  // namespace mvsgd::compress
