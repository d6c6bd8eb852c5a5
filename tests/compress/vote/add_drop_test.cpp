// A worker's add-drop changes are those of Algorithm 2, ties included, and its vote keeps its size
// K.
#include "compress/vote/add_drop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <set>
#include <stdexcept>
#include <vector>

namespace mvsgd::compress {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;
using List = std::vector<Index>;

// Eight magnitudes, so that ties abound, of either sign.
std::vector<float> grid(std::mt19937_64& random, std::size_t d) {
  constexpr std::array kMagnitudes = {0.0F, 1e-45F, 1e-38F, 0.5F, 1.0F, 1.5F, 2.0F, 1e38F};
  std::vector<float> x(d);
  for (float& value : x) {
    const std::uint64_t word = random();
    value = kMagnitudes[word % 8] * ((word & 8) != 0 ? -1.0F : 1.0F);
  }
  return x;
}

List random_support(std::mt19937_64& random, std::size_t d, std::size_t k) {
  std::set<Index> support;
  while (support.size() < k) support.insert(static_cast<Index>(random() % d));
  return {support.begin(), support.end()};
}

void expect_equal(const VoteChange& change, const VoteChange& expected) {
  EXPECT_EQ(change.add, expected.add);
  EXPECT_EQ(change.drop, expected.drop);
}

using AddDrop = VoteChange (*)(std::span<const float>, std::span<const Index>,
                               std::span<const Index>, std::size_t);
constexpr std::array<AddDrop, 2> kBoth = {add_drop, add_drop_by_sorting};

TEST(AddDrop, AddsTheLargestAndDropsTheSmallestOfWhatDiffers) {
  const std::vector<float> x = {-7.0F, 6.0F, 5.0F, -4.0F, 3.0F, -2.0F, 1.0F, 0.0F};
  const List top = {0, 1, 2, 3};
  const List previous = {0, 4, 6, 7};
  for (const AddDrop both : kBoth) {
    expect_equal(both(x, top, previous, 1), {.add = {1}, .drop = {7}});
    expect_equal(both(x, top, previous, 2), {.add = {1, 2}, .drop = {6, 7}});
    expect_equal(both(x, top, previous, 3), {.add = {1, 2, 3}, .drop = {4, 6, 7}});
    expect_equal(both(x, top, previous, 9), {.add = {1, 2, 3}, .drop = {4, 6, 7}});
  }
}

TEST(AddDrop, OfEqualMagnitudesAddsTheLowerIndexAndDropsTheHigher) {
  const std::vector<float> x = {1.0F, -1.0F, 1.0F, 1.0F, -1.0F, 1.0F};
  for (const AddDrop both : kBoth) {
    expect_equal(both(x, List{0, 1, 2}, List{3, 4, 5}, 1), {.add = {0}, .drop = {5}});
    expect_equal(both(x, List{0, 1, 2}, List{3, 4, 5}, 2), {.add = {0, 1}, .drop = {4, 5}});
  }
}

TEST(AddDrop, EqualsTheDefinitionOnWholeMasks) {
  std::mt19937_64 random(1);
  for (const std::size_t d : {1U, 2U, 9U, 40U, 500U}) {
    for (int trial = 0; trial < 100; ++trial) {
      const auto x = grid(random, d);
      const std::size_t k = random() % (d + 1);
      // Every second time, any two sets, also such as top-K supports never are.
      const List top = trial % 2 == 0 ? top_k_support(x, k) : random_support(random, d, k);
      const List previous = random_support(random, d, k);
      for (const std::size_t k_ad : {std::size_t{0}, std::size_t{1}, k / 10, k / 2, k, d + 1}) {
        SCOPED_TRACE(::testing::Message() << "d = " << d << ", k = " << k << ", k_ad = " << k_ad);
        const VoteChange change = add_drop(x, top, previous, k_ad);
        expect_equal(change, add_drop_by_sorting(x, top, previous, k_ad));
        ASSERT_EQ(change.add.size(), change.drop.size());
        ASSERT_THAT(changed_vote(previous, change), SizeIs(k));
      }
    }
  }
}

TEST(AddDrop, DoesNotChangeWithScaleOrSign) {
  std::mt19937_64 random(2);
  const auto x = grid(random, 2000);
  auto scaled = x;
  for (std::size_t i = 0; i < x.size(); ++i) scaled[i] *= i % 3 == 0 ? -2.0F : 2.0F;
  const List top = top_k_support(x, 200);
  const List previous = random_support(random, 2000, 200);
  const VoteChange change = add_drop(x, top, previous, 20);
  ASSERT_THAT(change.add, SizeIs(20));
  expect_equal(add_drop(scaled, top, previous, 20), change);
}

TEST(AddDrop, OfKIsTheWholeTopAndOfZeroIsNoChange) {
  std::mt19937_64 random(3);
  for (int trial = 0; trial < 50; ++trial) {
    const auto x = grid(random, 300);
    const List top = top_k_support(x, 30);
    const List previous = random_support(random, 300, 30);
    EXPECT_EQ(changed_vote(previous, add_drop(x, top, previous, 30)), top);
    EXPECT_EQ(changed_vote(previous, add_drop(x, top, previous, 31)), top);
    const VoteChange none = add_drop(x, top, previous, 0);
    EXPECT_THAT(none.add, IsEmpty());
    EXPECT_EQ(changed_vote(previous, none), previous);
  }
}

TEST(AddDrop, ReachesAConstantTopInSteps) {
  // With K_ad = 3 a vote that differs from the top in 10 coordinates reaches it after 4 rounds.
  std::mt19937_64 random(4);
  const auto x = grid(random, 100);
  const List top = top_k_support(x, 10);
  List vote;
  for (Index i = 0; vote.size() < 10; ++i) {
    if (!std::binary_search(top.begin(), top.end(), i)) vote.push_back(i);
  }
  for (const std::size_t changes : {3U, 3U, 3U, 1U, 0U}) {
    const VoteChange change = add_drop(x, top, vote, 3);
    EXPECT_THAT(change.add, SizeIs(changes));
    vote = changed_vote(vote, change);
  }
  EXPECT_EQ(vote, top);
}

TEST(AddDrop, RefusesListsThatAreNoSupportsOfX) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {1.0F, 2.0F, nan, 4.0F};
  for (const AddDrop both : kBoth) {
    const auto refuses = [&](const List& top, const List& previous, const char* why) {
      EXPECT_THAT([&] { (void)both(x, top, previous, 1); },
                  ThrowsMessage<std::invalid_argument>(HasSubstr(why)));
    };
    refuses({0, 1}, {3}, "add_drop: 2 of top and 1 of previous");
    refuses({1, 0}, {0, 3}, "top[1] = 0 after 1 does not increase");
    refuses({0, 1}, {3, 3}, "previous[1] = 3 after 3 does not increase");
    refuses({0, 4}, {0, 3}, "top has 4 of d = 4");
    refuses({0, 1}, {0, 2}, "previous has 2, where x is");
  }
}

TEST(ChangedVote, IsThePreviousVotePlusAddMinusDrop) {
  EXPECT_THAT(changed_vote(List{1, 4, 6}, {.add = {0, 9}, .drop = {1, 4}}), ElementsAre(0, 6, 9));
  EXPECT_THAT(changed_vote(List{1, 4, 6}, {}), ElementsAre(1, 4, 6));
}

TEST(ChangedVote, RefusesAChangeThatIsNotOneOfTheVote) {
  const auto refuses = [](const VoteChange& change, const char* why) {
    EXPECT_THAT(
        [&] {
          (void)changed_vote(List{1, 4, 6}, change);
        },
        ThrowsMessage<std::invalid_argument>(HasSubstr(why)));
  };
  refuses({.add = {0, 2}, .drop = {1}}, "changed_vote: 2 adds and 1 drops");
  refuses({.add = {0, 4}, .drop = {1, 6}}, "1 adds are in the vote and 0 drops are not");
  refuses({.add = {0, 2}, .drop = {1, 5}}, "0 adds are in the vote and 1 drops are not");
  refuses({.add = {4}, .drop = {4}}, "1 adds are in the vote and 0 drops are not");
  refuses({.add = {2, 0}, .drop = {1, 4}}, "add[1] = 0 after 2 does not increase");
  refuses({.add = {0, 2}, .drop = {4, 4}}, "drop[1] = 4 after 4 does not increase");
  EXPECT_THROW((void)changed_vote(List{4, 1}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
