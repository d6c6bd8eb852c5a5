// A partition is disjoint, covering, balanced and random.
#include "data/partition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace mvsgd::data {
namespace {

TEST(Partition, GivesEachImageToOneWorkerAndTheFirstWorkersOneMore) {
  for (const auto [n, workers] : std::vector<std::array<std::size_t, 2>>{
           {1, 1}, {10, 3}, {11, 3}, {12, 3}, {7, 7}, {1000, 64}, {50000, 10}}) {
    SCOPED_TRACE(testing::Message() << n << " images, " << workers << " workers");
    const auto parts = partition(n, workers, 1);
    ASSERT_EQ(parts.size(), workers);
    std::vector<std::uint32_t> seen;
    for (std::size_t w = 0; w < workers; ++w) {
      EXPECT_EQ(parts[w].size(), n / workers + (w < n % workers ? 1 : 0)) << "worker " << w;
      seen.insert(seen.end(), parts[w].begin(), parts[w].end());
    }
    std::sort(seen.begin(), seen.end());
    std::vector<std::uint32_t> all(n);
    std::iota(all.begin(), all.end(), 0U);
    EXPECT_EQ(seen, all);
  }
}

TEST(Partition, IsAFunctionOfTheSeed) {
  EXPECT_EQ(partition(1000, 10, 1), partition(1000, 10, 1));
  EXPECT_NE(partition(1000, 10, 1), partition(1000, 10, 2));
}

TEST(Partition, PutsEachImageWithEachWorkerEquallyOften) {
  // Image 0 of 12 over 3 workers, under 9,000 seeds: 3,000 times with each.
  std::array<int, 3> counts{};
  for (std::uint64_t seed = 0; seed < 9000; ++seed) {
    const auto parts = partition(12, 3, seed);
    for (std::size_t w = 0; w < 3; ++w) {
      counts[w] += static_cast<int>(std::count(parts[w].begin(), parts[w].end(), 0U));
    }
  }
  double chi2 = 0;
  for (const int count : counts) chi2 += (count - 3e3) * (count - 3e3) / 3e3;
  EXPECT_LT(chi2, 24.9);  // 2 degrees of freedom: exceeded with probability 4e-6
}

TEST(Partition, RefusesWorkersWithoutImagesAndMoreImagesThanIndices) {
  EXPECT_THROW((void)partition(10, 0, 1), std::invalid_argument);
  EXPECT_THROW((void)partition(0, 1, 1), std::invalid_argument);
  EXPECT_THROW((void)partition(10, 11, 1), std::invalid_argument);
  EXPECT_THROW((void)partition(std::numeric_limits<std::uint32_t>::max() + 1ULL, 2, 1),
               std::invalid_argument);
  try {
    (void)partition(10, 11, 1);
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "partition: 10 images over 11 workers");
  }
}

/// Labels of three classes in unequal counts.
std::vector<std::uint8_t> uneven_labels(std::size_t n) {
  std::vector<std::uint8_t> labels(n);
  for (std::size_t i = 0; i < n; ++i) labels[i] = static_cast<std::uint8_t>(i * 7 % 5 % 3);
  return labels;
}

TEST(StratifiedPartition, GivesEachImageToOneWorkerAndEachClassInEqualCounts) {
  for (const auto [n, workers] : std::vector<std::array<std::size_t, 2>>{
           {1, 1}, {10, 3}, {11, 3}, {12, 3}, {7, 7}, {1000, 64}, {1003, 10}}) {
    SCOPED_TRACE(testing::Message() << n << " images, " << workers << " workers");
    const auto labels = uneven_labels(n);
    const auto parts = stratified_partition(labels, workers, 1);
    ASSERT_EQ(parts.size(), workers);
    std::vector<std::uint32_t> seen;
    std::vector<std::array<std::size_t, 3>> counts(workers);
    for (std::size_t w = 0; w < workers; ++w) {
      EXPECT_EQ(parts[w].size(), n / workers + (w < n % workers ? 1 : 0)) << "worker " << w;
      seen.insert(seen.end(), parts[w].begin(), parts[w].end());
      for (const std::uint32_t image : parts[w]) ++counts[w][labels.at(image)];
    }
    std::sort(seen.begin(), seen.end());
    std::vector<std::uint32_t> all(n);
    std::iota(all.begin(), all.end(), 0U);
    EXPECT_EQ(seen, all);
    for (std::size_t c = 0; c < 3; ++c) {
      const auto of_class = static_cast<std::size_t>(std::ranges::count(labels, c));
      for (std::size_t w = 0; w < workers; ++w) {
        EXPECT_GE(counts[w][c], of_class / workers) << "class " << c << ", worker " << w;
        EXPECT_LE(counts[w][c], (of_class + workers - 1) / workers)
            << "class " << c << ", worker " << w;
      }
    }
  }
}

// Computed with another program's Philox: the shuffle under the purpose's key, its images stably
// sorted by class, dealt to the workers in turn, and listed in the order of the shuffle.
TEST(StratifiedPartition, IsTheSameEverywhere) {
  EXPECT_EQ(stratified_partition(uneven_labels(20), 3, 1),
            (std::vector<std::vector<std::uint32_t>>{
                {12, 5, 7, 16, 10, 8, 19}, {9, 3, 6, 13, 15, 11, 14}, {18, 2, 1, 0, 17, 4}}));
}

TEST(StratifiedPartition, PutsEachImageWithEachWorkerEquallyOften) {
  // Image 0 of 12 over 3 workers, all of one class, under 9,000 seeds: 3,000 times with each.
  const std::vector<std::uint8_t> labels(12, 4);
  std::array<int, 3> counts{};
  for (std::uint64_t seed = 0; seed < 9000; ++seed) {
    const auto parts = stratified_partition(labels, 3, seed);
    for (std::size_t w = 0; w < 3; ++w) {
      counts[w] += static_cast<int>(std::count(parts[w].begin(), parts[w].end(), 0U));
    }
  }
  double chi2 = 0;
  for (const int count : counts) chi2 += (count - 3e3) * (count - 3e3) / 3e3;
  EXPECT_LT(chi2, 24.9);  // 2 degrees of freedom: exceeded with probability 4e-6
}

TEST(StratifiedPartition, RefusesWorkersWithoutImages) {
  EXPECT_THROW((void)stratified_partition(uneven_labels(10), 0, 1), std::invalid_argument);
  EXPECT_THROW((void)stratified_partition({}, 1, 1), std::invalid_argument);
  EXPECT_THROW((void)stratified_partition(uneven_labels(10), 11, 1), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::data
