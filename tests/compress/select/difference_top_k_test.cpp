// A worker's vote in one pass is add_difference followed by top_k_support, to the bit.
#include "compress/select/difference_top_k.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "compress/select/error_memory.hpp"

namespace mvsgd::compress {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Round {
  std::vector<float> theta_h;
  std::vector<float> theta_0;
  std::vector<float> e;
};

// Weights near one, so that differences are rounded, and a step of about a thousandth.
Round a_round(std::size_t d, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto uniform = [&] { return static_cast<float>(random() >> 40) * 0x1p-23F - 1; };
  Round round;
  for (std::size_t i = 0; i < d; ++i) {
    round.theta_0.push_back(uniform());
    round.theta_h.push_back(round.theta_0[i] + 1e-3F * uniform());
    round.e.push_back(random() % 3 == 0 ? 0.0F : 1e-3F * uniform());
  }
  return round;
}

std::vector<std::uint32_t> bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> words;
  words.reserve(values.size());
  for (const float value : values) words.push_back(std::bit_cast<std::uint32_t>(value));
  return words;
}

TEST(Vote, AddsTheDifferenceBeforeTheOldErrorAndRanksTheSum) {
  std::vector<float> e = {1.0F, 0.25F, -3.0F};
  const TopK top =
      add_difference_top_k(std::vector{1e8F, 2.0F, 1.0F}, std::vector{1e8F, 0.5F, 1.0F}, e, 2);
  EXPECT_THAT(e, ElementsAre(1.0F, 1.75F, -3.0F));
  EXPECT_THAT(top.support, ElementsAre(1, 2));
  EXPECT_EQ(top.magnitude, 1.75F);
}

class VotePath : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!supports(GetParam())) GTEST_SKIP() << "this processor has no " << name(GetParam());
  }
};

TEST_P(VotePath, IsAddDifferenceAndThenTopK) {
  for (const std::size_t d : {1U, 63U, 64U, 65U, 1000U, 40009U}) {
    const Round round = a_round(d, d);
    auto difference = round.e;
    add_difference(round.theta_h, round.theta_0, difference);
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}, d / 100, d / 2, d}) {
      const auto support = top_k_support_by_sorting(difference, k);
      for (const float hint : {0.0F, 1e-30F, 1e-3F, 1.0F}) {
        auto e = round.e;
        const TopK top = add_difference_top_k(round.theta_h, round.theta_0, e, k,
                                              {.hint = hint, .isa = GetParam()});
        ASSERT_EQ(top.support, support) << k << " of " << d << ", hint " << hint;
        ASSERT_EQ(bits(e), bits(difference)) << k << " of " << d << ", hint " << hint;
      }
    }
  }
}

// A sample guesses the k-th magnitude. Here it is large where the sample looks and nowhere else, so
// too few coordinates are found and all is read again, without adding the difference again.
TEST_P(VotePath, AddsTheDifferenceOnceWhereItsSampleMisleads) {
  constexpr std::size_t kD = 16'384;
  constexpr std::size_t kK = 1'600;
  Round round = a_round(kD, 9);
  for (std::uint32_t j = 0; j < kD / 64; ++j) {
    round.theta_h[std::uint64_t{j * 0x9e3779b9} * kD >> 32] = 2;
  }
  auto difference = round.e;
  add_difference(round.theta_h, round.theta_0, difference);
  auto e = round.e;
  const TopK top = add_difference_top_k(round.theta_h, round.theta_0, e, kK, {.isa = GetParam()});
  EXPECT_EQ(top.reads, 2) << "the sample did not mislead";
  EXPECT_EQ(top.support, top_k_support_by_sorting(difference, kK));
  EXPECT_EQ(bits(e), bits(difference));
}

TEST_P(VotePath, NamesTheFirstDifferenceThatIsNotFiniteAndHasAllOfThemInTheMemory) {
  for (const float value : {kInf, -kInf, std::numeric_limits<float>::quiet_NaN()}) {
    Round round = a_round(20000, 5);
    for (std::size_t i = 7001; i < 19000; ++i) round.theta_h[i] = value;
    auto difference = round.e;
    add_difference(round.theta_h, round.theta_0, difference);
    auto e = round.e;
    const TopKOptions options = {.hint = 1e-3F, .isa = GetParam()};
    EXPECT_THAT(
        [&] { (void)add_difference_top_k(round.theta_h, round.theta_0, e, 200, options); },
        ThrowsMessage<std::invalid_argument>(HasSubstr("add_difference_top_k: x[7001] = ")));
    for (std::size_t i = 0; i < e.size(); ++i) {
      ASSERT_TRUE(e[i] == difference[i] || (e[i] != e[i] && difference[i] != difference[i])) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, VotePath, testing::Values(Isa::portable, Isa::avx2, Isa::avx512),
                         [](const auto& isa) { return std::string(name(isa.param)); });

TEST(Vote, RefusesBadArgumentsWithTheMemoryAsItWas) {
  const std::vector<float> two = {1.0F, 2.0F};
  const std::vector<float> three(3);
  std::vector<float> e = {0.5F, 0.25F};
  EXPECT_THAT([&] { (void)add_difference_top_k(three, two, e, 1); },
              ThrowsMessage<std::invalid_argument>("add_difference_top_k: lengths 3 and 2"));
  EXPECT_THROW((void)add_difference_top_k(two, three, e, 1), std::invalid_argument);
  EXPECT_THAT([&] { (void)add_difference_top_k(two, two, e, 3); },
              ThrowsMessage<std::invalid_argument>("add_difference_top_k: k = 3 of d = 2"));
  EXPECT_THAT(e, ElementsAre(0.5F, 0.25F));
}

TEST(Vote, TakesNothingOfNothing) {
  EXPECT_TRUE(add_difference_top_k({}, {}, {}, 0).support.empty());
}

}  // namespace
}  // namespace mvsgd::compress
