// Splits with label skew: disjoint, covering, of the distribution that they are named after.
#include "data/skewed_partition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace mvsgd::data {
namespace {

using Parts = std::vector<std::vector<std::uint32_t>>;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// n labels of `classes` in turn.
std::vector<std::uint8_t> labels_in_turn(std::size_t n, std::size_t classes) {
  std::vector<std::uint8_t> labels(n);
  for (std::size_t i = 0; i < n; ++i) labels[i] = static_cast<std::uint8_t>(i % classes);
  return labels;
}

void expect_each_image_once(const Parts& parts, std::size_t n) {
  std::vector<std::uint32_t> seen;
  for (const auto& part : parts) {
    EXPECT_FALSE(part.empty());
    seen.insert(seen.end(), part.begin(), part.end());
  }
  std::ranges::sort(seen);
  std::vector<std::uint32_t> all(n);
  std::iota(all.begin(), all.end(), 0U);
  EXPECT_EQ(seen, all);
}

std::size_t count_of(const std::vector<std::uint32_t>& part,
                     const std::vector<std::uint8_t>& labels, std::uint8_t label) {
  return static_cast<std::size_t>(
      std::ranges::count_if(part, [&](std::uint32_t image) { return labels[image] == label; }));
}

struct Split {
  std::string name;
  std::function<Parts(const std::vector<std::uint8_t>&, std::size_t, std::uint64_t)> make;
};
const Split kSplits[] = {{"Free",
                          [](const auto& labels, auto workers, auto seed) {
                            return dirichlet_partition(labels, workers, {1, 2}, seed);
                          }},
                         {"Equal",
                          [](const auto& labels, auto workers, auto seed) {
                            return equal_dirichlet_partition(labels, workers, {1, 2}, seed);
                          }},
                         {"Classes", [](const auto& labels, auto workers, auto seed) {
                            return class_partition(labels, workers, 2, seed);
                          }}};

class SkewedPartition : public testing::TestWithParam<Split> {};
INSTANTIATE_TEST_SUITE_P(, SkewedPartition, testing::ValuesIn(kSplits),
                         [](const auto& split) { return split.param.name; });

TEST_P(SkewedPartition, GivesEachImageToOneWorkerAndNoWorkerNone) {
  for (const auto [n, classes, workers] : std::vector<std::array<std::size_t, 3>>{
           {4, 2, 1}, {10, 3, 3}, {1000, 10, 10}, {1000, 10, 7}}) {
    SCOPED_TRACE(testing::Message() << n << " images, " << workers << " workers");
    if (GetParam().name == "Classes" && 2 * workers < classes) continue;
    expect_each_image_once(GetParam().make(labels_in_turn(n, classes), workers, 3), n);
  }
}

TEST_P(SkewedPartition, IsAFunctionOfTheSeed) {
  const auto labels = labels_in_turn(400, 10);
  EXPECT_EQ(GetParam().make(labels, 5, 1), GetParam().make(labels, 5, 1));
  EXPECT_NE(GetParam().make(labels, 5, 1), GetParam().make(labels, 5, 2));
}

TEST_P(SkewedPartition, RefusesWorkersWithoutImages) {
  const auto labels = labels_in_turn(10, 2);
  EXPECT_THROW((void)GetParam().make(labels, 0, 1), std::invalid_argument);
  EXPECT_THROW((void)GetParam().make(labels, 11, 1), std::invalid_argument);
  EXPECT_THROW((void)GetParam().make({}, 1, 1), std::invalid_argument);
}

/// The statistic of counts under probabilities.
double chi2(const std::vector<int>& counts, const std::vector<double>& probabilities) {
  const double n = std::accumulate(counts.begin(), counts.end(), 0.0);
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = n * probabilities[i];
    sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return sum;
}

/// Beta-binomial: of m images, how many one of two has whose weights are alpha to `rest`.
std::vector<double> beta_binomial(int m, double alpha, double rest) {
  std::vector<double> p;
  for (int k = 0; k <= m; ++k) {
    const auto beta = [](double a, double b) {
      return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b);
    };
    p.push_back(std::exp(std::lgamma(m + 1) - std::lgamma(k + 1) - std::lgamma(m - k + 1) +
                         beta(k + alpha, m - k + rest) - beta(alpha, rest)));
  }
  return p;
}

TEST(DirichletPartition, GivesAWorkerABetaBinomialCountOfAClass) {
  // Of 12 images of class 0 worker 0 of 3 has k with the probability of a Dirichlet-multinomial,
  // whose margin is beta-binomial with alpha to 2 alpha. Of five more classes everybody has some.
  std::vector<std::uint8_t> labels(12, 0);
  for (std::uint8_t c = 1; c <= 5; ++c) labels.insert(labels.end(), 100, c);
  constexpr double kAlpha = 0.5;
  std::vector<int> counts(13);
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    ++counts[count_of(dirichlet_partition(labels, 3, {1, 2}, seed)[0], labels, 0)];
  }
  EXPECT_LT(chi2(counts, beta_binomial(12, kAlpha, 2 * kAlpha)), 46);  // 12 degrees: 7e-6
}

TEST(DirichletPartition, ASmallConcentrationGivesAClassToOneWorker) {
  const auto labels = labels_in_turn(2000, 20);
  for (const auto& split : {dirichlet_partition(labels, 4, {1, 1000}, 5),
                            equal_dirichlet_partition(labels, 4, {1, 1000}, 5)}) {
    std::size_t alone = 0;
    for (std::uint8_t c = 0; c < 20; ++c) {
      for (const auto& part : split) alone += count_of(part, labels, c) == 100 ? 1 : 0;
    }
    EXPECT_GE(alone, 12U);
  }
}

TEST(DirichletPartition, ALargeConcentrationIsByChanceAlone) {
  // Of 4 images of a class, as if each chose one of 3 workers: binomial.
  std::vector<std::uint8_t> labels(40, 1);
  std::fill_n(labels.begin(), 4, std::uint8_t{0});
  std::vector<int> counts(5);
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    ++counts[count_of(dirichlet_partition(labels, 3, {1'000'000'000, 1}, seed)[0], labels, 0)];
  }
  EXPECT_LT(chi2(counts, {16 / 81., 32 / 81., 24 / 81., 8 / 81., 1 / 81.}), 29);
}

TEST(DirichletPartition, IsDrawnAgainUntilNobodyIsLeftWithoutAnImage) {
  // One class and a small concentration: most splits leave one of two workers without an image.
  const std::vector<std::uint8_t> labels(20, 0);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    expect_each_image_once(dirichlet_partition(labels, 2, {1, 5}, seed), 20);
  }
  EXPECT_THAT(
      [&] {
        (void)dirichlet_partition(labels, 2, {1, 1'000'000'000}, 1);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("parts of equal size")));
}

TEST(DirichletPartition, RefusesAConcentrationOutOfRange) {
  const auto labels = labels_in_turn(10, 2);
  for (const Concentration alpha :
       {Concentration{0, 1}, {1, 0}, {1'000'000'001, 1}, {1, 1'000'000'001}}) {
    EXPECT_THROW((void)dirichlet_partition(labels, 2, alpha, 1), std::invalid_argument);
    EXPECT_THROW((void)equal_dirichlet_partition(labels, 2, alpha, 1), std::invalid_argument);
  }
}

TEST(EqualDirichletPartition, GivesAsManyImagesToEachAndTheFirstWorkersOneMore) {
  const auto parts = equal_dirichlet_partition(labels_in_turn(103, 10), 10, {1, 10}, 1);
  for (std::size_t w = 0; w < 10; ++w) EXPECT_EQ(parts[w].size(), w < 3 ? 11U : 10U);
}

TEST(EqualDirichletPartition, GivesAWorkerABetaBinomialCountOfAClassWhileNoneRunsOut) {
  // Two classes of 100 images, 20 workers of 10: the first of them has k images of class 0.
  const auto labels = labels_in_turn(200, 2);
  std::vector<int> counts(5);
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    auto part = equal_dirichlet_partition(labels, 20, {3, 2}, seed)[0];
    part.resize(4);  // the first four, long before a class can have run out
    ++counts[count_of(part, labels, 0)];
  }
  EXPECT_LT(chi2(counts, beta_binomial(4, 1.5, 1.5)), 29);
}

TEST(ClassPartition, GivesEachWorkerSoManyClassesAndNoOthers) {
  const auto labels = labels_in_turn(1000, 10);
  for (const std::size_t each : {1U, 2U, 3U, 7U, 10U}) {
    for (const std::size_t workers : {10U, 13U, 20U}) {
      const auto parts = class_partition(labels, workers, each, 4);
      std::array<std::size_t, 10> holders{};
      for (const auto& part : parts) {
        std::set<std::uint8_t> own;
        for (const std::uint32_t image : part) own.insert(labels[image]);
        EXPECT_EQ(own.size(), each);
        for (const std::uint8_t label : own) ++holders[label];
      }
      const auto [least, most] = std::ranges::minmax(holders);
      EXPECT_LE(most - least, 2U) << each << " classes, " << workers << " workers";
    }
  }
}

TEST(ClassPartition, SharesAClassEquallyAmongItsWorkers) {
  const auto labels = labels_in_turn(1003, 10);
  const auto parts = class_partition(labels, 20, 3, 1);
  for (std::uint8_t c = 0; c < 10; ++c) {
    std::set<std::size_t> counts;
    for (const auto& part : parts) {
      if (const std::size_t count = count_of(part, labels, c); count > 0) counts.insert(count);
    }
    EXPECT_LE(*counts.rbegin() - *counts.begin(), 1U);
  }
}

TEST(ClassPartition, GivesEachClassToAWorkerEquallyOften) {
  const auto labels = labels_in_turn(40, 4);
  std::vector<int> counts(4);
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    const auto part = class_partition(labels, 4, 1, seed)[2];
    ++counts[labels[part.front()]];
  }
  EXPECT_LT(chi2(counts, {0.25, 0.25, 0.25, 0.25}), 27);  // 3 degrees: 6e-6
}

TEST(ClassPartition, DealsAnewWhereItsClassesBeginAgain) {
  // One class each of 4: worker 4 has that of worker 0 by chance alone.
  const auto labels = labels_in_turn(40, 4);
  std::vector<int> same(2);
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    const auto parts = class_partition(labels, 8, 1, seed);
    ++same[labels[parts[4].front()] == labels[parts[0].front()] ? 1 : 0];
  }
  EXPECT_LT(chi2(same, {0.75, 0.25}), 21);  // 1 degree: 5e-6
}

TEST(ClassPartition, RefusesWhatCannotBe) {
  const auto labels = labels_in_turn(100, 10);
  EXPECT_THROW((void)class_partition(labels, 10, 0, 1), std::invalid_argument);
  EXPECT_THROW((void)class_partition(labels, 10, 11, 1), std::invalid_argument);
  EXPECT_THAT(
      [&] { (void)class_partition(labels, 3, 3, 1); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("3 classes of 10 for each of 3 workers")));
  // Ten images a class, and fifteen workers that have it.
  EXPECT_THAT([&] { (void)class_partition(labels, 15, 10, 1); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("has 10 images for 15 workers")));
}

}  // namespace
}  // namespace mvsgd::data
