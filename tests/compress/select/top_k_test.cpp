// The fast top-K support equals the definition by sorting, on ties, edges and hostile inputs too,
// whatever the hint and the instruction set.
#include "compress/select/top_k.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace mvsgd::compress {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
constexpr float kMax = std::numeric_limits<float>::max();

// Any floats that are not NaN or infinite, all bit patterns equally likely.
std::vector<float> any_finite(std::size_t d, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> x(d);
  for (float& value : x) {
    auto bits = static_cast<std::uint32_t>(random());
    while ((bits & 0x7f800000) == 0x7f800000) bits = static_cast<std::uint32_t>(random());
    value = std::bit_cast<float>(bits);
  }
  return x;
}

// Eight magnitudes, so that ties abound, of either sign.
std::vector<float> grid(std::size_t d, std::uint64_t seed) {
  constexpr std::array kMagnitudes = {0.0F, kDenormal, 1e-38F, 0.5F, 1.0F, 1.5F, 2.0F, kMax};
  std::mt19937_64 random(seed);
  std::vector<float> x(d);
  for (float& value : x) {
    const std::uint64_t word = random();
    value = kMagnitudes[word % 8] * ((word & 8) != 0 ? -1.0F : 1.0F);
  }
  return x;
}

// Sums of twelve uniform values, which are near enough to the normal shape of a gradient.
std::vector<float> gradient(std::size_t d, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> x(d);
  for (float& value : x) {
    std::int64_t sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<std::int64_t>(random() >> 44) - (1 << 19);
    value = static_cast<float>(sum) * 1e-9F;
  }
  return x;
}

// Constants, two values of which one is rare, and orders that mislead a reader from the left.
std::vector<std::vector<float>> hostile(std::uint32_t d) {
  std::vector<std::vector<float>> inputs;
  for (const float value : {0.0F, -0.0F, kDenormal, 1.0F, -kMax}) {
    inputs.emplace_back(d, value);
    inputs.emplace_back(d, 1.0F);
    for (std::size_t i = 0; i < d; i += 997) inputs.back()[i] = value;
  }
  std::vector<float> rising(d);
  std::vector<float> falling(d);
  std::vector<float> edges(d);  // both sides of every power of two: where digits carry
  std::vector<float> denormal(d);
  std::vector<float> stairs(d);  // each is the next float after the one before
  for (std::uint32_t i = 0; i < d; ++i) {
    rising[i] = std::bit_cast<float>(i * 3000);
    falling[i] = std::bit_cast<float>((d - i) * 3000);
    edges[i] = std::bit_cast<float>(((i % 254 + 1) << 23) - i / 254 % 3);
    denormal[i] = std::bit_cast<float>(i * 0x9e3779b9U & 0x807fffff);
    stairs[i] = std::bit_cast<float>(0x3f800000 + std::uint32_t{10} * i / d);
  }
  inputs.insert(inputs.end(), {rising, falling, edges, denormal, stairs});
  return inputs;
}

void expect_as_sorting(const std::vector<float>& x, std::size_t k) {
  ASSERT_EQ(top_k_support(x, k), top_k_support_by_sorting(x, k)) << k << " of " << x.size();
}

TEST(TopKDefinition, KeepsTheLargestMagnitudesInIncreasingIndex) {
  const std::vector<float> x = {0.5F, -3.0F, 2.0F, -0.25F, 4.0F};
  EXPECT_THAT(top_k_support_by_sorting(x, 0), IsEmpty());
  EXPECT_THAT(top_k_support_by_sorting(x, 1), ElementsAre(4));
  EXPECT_THAT(top_k_support_by_sorting(x, 2), ElementsAre(1, 4));
  EXPECT_THAT(top_k_support_by_sorting(x, 3), ElementsAre(1, 2, 4));
  EXPECT_THAT(top_k_support_by_sorting(x, 5), ElementsAre(0, 1, 2, 3, 4));
}

TEST(TopKDefinition, BreaksTiesTowardTheLowerIndex) {
  const std::vector<float> x = {1.0F, -2.0F, 2.0F, -1.0F, 2.0F, 1.0F};
  EXPECT_THAT(top_k_support_by_sorting(x, 2), ElementsAre(1, 2));
  EXPECT_THAT(top_k_support_by_sorting(x, 4), ElementsAre(0, 1, 2, 4));
}

TEST(TopK, BreaksTiesTowardTheLowerIndex) {
  const std::vector<float> x = {1.0F, -2.0F, 2.0F, -1.0F, 2.0F, 1.0F};
  EXPECT_THAT(top_k_support(x, 2), ElementsAre(1, 2));
  EXPECT_THAT(top_k_support(x, 4), ElementsAre(0, 1, 2, 4));
}

TEST(TopK, TakesBothZerosAsEqual) {
  const std::vector<float> x = {-0.0F, 0.0F, -0.0F, kDenormal};
  EXPECT_THAT(top_k_support(x, 3), ElementsAre(0, 1, 3));
}

TEST(TopK, EqualsTheDefinitionForEveryKOfASmallGrid) {
  for (std::size_t d = 0; d <= 130; ++d) {
    const auto x = grid(d, d);
    for (std::size_t k = 0; k <= d; ++k) expect_as_sorting(x, k);
  }
}

TEST(TopK, EqualsTheDefinitionOnEveryKindOfInput) {
  // Lengths around the block of the pass, and around the length from which the pivot is sampled.
  for (const std::size_t d : {31U, 32U, 33U, 1000U, 4096U, 20011U, 200003U}) {
    const std::array inputs = {gradient(d, 1), grid(d, 2), any_finite(d, 3)};
    for (const std::size_t k : {std::size_t{1}, d / 1000, d / 100, d / 16, d / 2, d - 1, d}) {
      for (const auto& x : inputs) expect_as_sorting(x, k);
    }
  }
}

TEST(TopK, EqualsTheDefinitionOnHostileInputs) {
  for (const auto& x : hostile(50000)) {
    for (const std::size_t k : {1U, 500U, 5000U, 49999U, 50000U}) expect_as_sorting(x, k);
  }
}

TEST(TopK, DoesNotDependOnWhatItsSampleSees) {
  // Large values are exactly where the pivot is sampled (2^32 / golden ratio, d / 64 places). They
  // are too few for K, so the pass must be repeated. And the reverse: the sample sees nothing
  // large.
  constexpr std::uint32_t kD = 1 << 17;
  const auto x = gradient(kD, 5);
  for (const float at_samples : {8.0F, 0.0F}) {
    auto hostile = x;
    for (std::uint32_t j = 0; j < kD / 64; ++j) {
      hostile[std::uint64_t{j * 0x9e3779b9U} * kD >> 32] = at_samples;
    }
    for (const std::size_t k : {1U, 1000U, 2048U, 2049U, 13107U}) expect_as_sorting(hostile, k);
  }
}

TEST(TopK, DoesNotChangeWithScaleOrSign) {
  const auto x = gradient(30000, 6);
  const auto support = top_k_support(x, 300);
  auto scaled = x;
  for (std::size_t i = 0; i < x.size(); ++i) scaled[i] *= i % 3 == 0 ? -2.0F : 2.0F;
  EXPECT_EQ(top_k_support(scaled, 300), support);
}

TEST(TopK, RefusesMoreThanThereAre) {
  const std::vector<float> x(10);
  EXPECT_THAT([&] { (void)top_k_support(x, 12); },
              ThrowsMessage<std::invalid_argument>("top_k_support: k = 12 of d = 10"));
  EXPECT_THROW((void)top_k_support_by_sorting(x, 11), std::invalid_argument);
  EXPECT_THAT(top_k_support({}, 0), IsEmpty());
}

TEST(TopK, RefusesWhatIsNotFiniteWhereverItStandsAndNamesTheFirst) {
  for (const std::size_t d : {1U, 40U, 5000U}) {
    for (std::size_t i = 0; i < d; i += 1 + d / 40) {
      for (const float value : {kNan, -kNan, kInf, -kInf}) {
        auto x = grid(d, 7);
        x[i] = value;
        x[d - 1] = i == d - 1 ? value : kInf;
        for (const std::size_t k : {std::size_t{0}, std::size_t{1}, d}) {
          const auto names_i = ThrowsMessage<std::invalid_argument>(
              HasSubstr("top_k_support: x[" + std::to_string(i) + "] = "));
          ASSERT_THAT([&] { (void)top_k_support(x, k); }, names_i);
          ASSERT_THAT([&] { (void)top_k_support_by_sorting(x, k); }, names_i);
        }
      }
    }
  }
}

TEST(TopK, GivesTheKthMagnitude) {
  const std::vector<float> x = {0.5F, -3.0F, 2.0F, -0.25F, 4.0F};
  EXPECT_EQ(top_k_support(x, 1, {}).magnitude, 4.0F);
  EXPECT_EQ(top_k_support(x, 2, {}).magnitude, 3.0F);
  EXPECT_EQ(top_k_support(x, 5, {}).magnitude, 0.25F);
  EXPECT_EQ(top_k_support(x, 0, {}).magnitude, 0.0F);
}

TEST(TopK, IsTheSameWhateverTheHint) {
  std::vector<std::vector<float>> inputs = hostile(30000);
  inputs.push_back(gradient(30000, 8));
  inputs.push_back(grid(30000, 9));
  for (const auto& x : inputs) {
    for (const std::size_t k : {0U, 1U, 300U, 29999U, 30000U}) {
      const auto support = top_k_support_by_sorting(x, k);
      const float exact = top_k_support(x, k, {}).magnitude;
      for (const float hint :
           {0.0F, -0.0F, kInf, -kInf, kNan, -kNan, std::bit_cast<float>(0x7fffffffU), kDenormal,
            std::numeric_limits<float>::min(), kMax, -1.0F, 1.0F, exact, -exact, 0.5F * exact,
            1.05F * exact, 2.0F * exact, 1e-6F * exact, std::nextafter(exact, kInf)}) {
        const TopK top = top_k_support(x, k, {.hint = hint});
        ASSERT_EQ(top.support, support) << k << " of " << x.size() << ", hint " << hint;
        ASSERT_EQ(top.magnitude, exact) << k << " of " << x.size() << ", hint " << hint;
      }
    }
  }
}

TEST(TopK, ReadsOnceUnlessTheHintIsTooHigh) {
  const auto x = gradient(1 << 20, 10);
  constexpr std::size_t kK = 10486;
  const TopK cold = top_k_support(x, kK, {});
  EXPECT_EQ(cold.reads, 1U);
  for (const float much : {1e-30F, 0.01F, 0.9F, 1.0F, 1.02F}) {
    EXPECT_EQ(top_k_support(x, kK, {.hint = much * cold.magnitude}).reads, 1U) << much;
  }
  // Too few are above the hint, so the sample is asked; too few again if it sees values that others
  // lack.
  EXPECT_EQ(top_k_support(x, kK, {.hint = 2 * cold.magnitude}).reads, 2U);
  auto misleading = x;
  for (std::uint32_t j = 0; j < 1 << 14; ++j) {
    misleading[std::uint64_t{j * 0x9e3779b9U} * misleading.size() >> 32] = 8.0F;
  }
  EXPECT_EQ(top_k_support(misleading, 1 << 15, {}).reads, 2U);
  EXPECT_EQ(top_k_support(misleading, 1 << 15, {.hint = 8.0F}).reads, 3U);
}

TEST(TopK, RefusesAnInstructionSetThatTheProcessorLacks) {
  const std::vector<float> x(10);
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (supports(isa)) {
      EXPECT_EQ(top_k_support(x, 1, {.isa = isa}).support.size(), 1U);
    } else {
      EXPECT_THAT([&] { (void)top_k_support(x, 1, {.isa = isa}); },
                  ThrowsMessage<std::invalid_argument>(HasSubstr(std::string(name(isa)))));
    }
  }
  EXPECT_TRUE(supports(Isa::portable));
  EXPECT_TRUE(supports(best_isa()));
}

class TopKPath : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!supports(GetParam())) GTEST_SKIP() << "this processor has no " << name(GetParam());
  }
};

TEST_P(TopKPath, EqualsTheDefinitionWhateverTheHint) {
  constexpr std::array kHints = {0.0F, kDenormal, 1.0F};
  // Lengths around blocks of 64, and one that makes it drop candidates.
  for (const std::uint32_t d : {1U, 63U, 64U, 65U, 129U, 256U, 257U, 60013U}) {
    auto inputs = hostile(d);
    inputs.insert(inputs.end(), {gradient(d, 1), grid(d, 2), any_finite(d, 3)});
    for (const auto& x : inputs) {
      for (const std::size_t k : {0U, 1U, d / 100, d / 2, d - 1, d}) {
        const auto support = top_k_support_by_sorting(x, k);
        for (const float hint : kHints) {
          const TopKOptions options = {.hint = hint, .isa = GetParam()};
          ASSERT_EQ(top_k_support(x, k, options).support, support)
              << k << " of " << d << ", hint " << hint;
        }
      }
    }
  }
}

TEST_P(TopKPath, NamesTheFirstThatIsNotFinite) {
  // After enough larger values that candidates are dropped.
  constexpr std::uint32_t kD = 40000;
  for (const std::size_t first : {0U, 63U, 64U, 9999U, 20000U, 39998U, 39999U}) {
    for (const float value : {kNan, -kInf}) {
      for (auto x : {gradient(kD, 4), hostile(kD)[10]}) {  // [10] is increasing
        std::fill(x.begin() + static_cast<std::ptrdiff_t>(first), x.end(), value);
        for (const std::size_t k : {0U, 400U, kD}) {
          const TopKOptions options = {.hint = 1.0F, .isa = GetParam()};
          ASSERT_THAT([&] { (void)top_k_support(x, k, options); },
                      ThrowsMessage<std::invalid_argument>(
                          HasSubstr("top_k_support: x[" + std::to_string(first) + "] = ")));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, TopKPath, testing::Values(Isa::portable, Isa::avx2, Isa::avx512),
                         [](const auto& isa) { return std::string(name(isa.param)); });

}  // namespace
}  // namespace mvsgd::compress
