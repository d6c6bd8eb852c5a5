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

TEST(Partition, RefusesWorkersWithoutImages) {
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

}  // namespace
}  // namespace mvsgd::data
