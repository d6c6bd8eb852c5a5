// Masks that are chosen in each layer are the masks of each layer's counts alone, drawn with the
// layer's own numbers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/select/layers.hpp"
#include "compress/vote/majority_vote.hpp"
#include "compress/vote/random_mask.hpp"
#include "compress/vote/random_selection.hpp"
#include "compress/vote/vote_sum.hpp"
#include "tests/compress/vote/votes.hpp"

namespace mvsgd::compress {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// Ends within words of 64, at their ends, in the same word; layers that are whole, and of one.
const std::vector<Layer> kLayers{{1, 1},  {30, 5}, {33, 9},     {64, 64}, {128, 3},
                                 {10, 2}, {3, 1},  {4'000, 40}, {77, 20}};
constexpr std::size_t kD = 4'346;
constexpr std::size_t kK = 145;

// A vote with the k of each layer.
std::vector<Index> drawn_vote(std::mt19937_64& random) {
  std::vector<Index> vote;
  std::size_t begin = 0;
  for (const auto& [size, k] : kLayers) {
    for (const Index i : random_support(random, size, k)) {
      vote.push_back(static_cast<Index>(begin) + i);
    }
    begin += size;
  }
  return vote;
}

std::vector<std::vector<Index>> drawn_votes(std::uint64_t seed, std::size_t workers) {
  std::mt19937_64 random(seed);
  std::vector<std::vector<Index>> votes;
  for (std::size_t n = 0; n < workers; ++n) votes.push_back(drawn_vote(random));
  return votes;
}

// What `choose(counts of a layer, k, part)` chooses in each.
template <typename Choose>
std::vector<Index> in_each_layer(std::span<const std::uint32_t> counts, const Choose& choose) {
  std::vector<Index> mask;
  std::size_t begin = 0;
  std::uint64_t part = 0;
  for (const auto& [size, k] : kLayers) {
    for (const Index i : choose(counts.subspan(begin, size), k, ++part)) {
      mask.push_back(static_cast<Index>(begin) + i);
    }
    begin += size;
  }
  return mask;
}

std::vector<Index> by_definition(std::span<const std::uint32_t> counts, TieBreak tie) {
  return in_each_layer(
      counts, [&](std::span<const std::uint32_t> of_layer, std::size_t k, std::uint64_t part) {
        tie.part = part;
        return majority_mask(of_layer, k, tie);
      });
}

TEST(LayerMasks, MajorityOfATallyIsTheDefinitionInEachLayer) {
  for (const std::size_t workers : {1U, 3U, 10U}) {
    const auto votes = drawn_votes(workers, workers);
    const VoteTally tally = tallied(kD, votes);
    const VoteCounts counted_votes = counted(kD, votes);
    for (const auto rule : {TieBreak::Rule::random, TieBreak::Rule::index}) {
      const TieBreak tie{.rule = rule, .seed = 5, .round = 9, .part = 77};
      for (const Isa isa : supported_isas()) {
        EXPECT_EQ(majority_mask(tally, kLayers, tie, isa),
                  by_definition(counted_votes.counts(), tie));
      }
    }
  }
}

TEST(LayerMasks, TiesOfTwoLayersAreDrawnWithDifferentNumbers) {
  const std::vector<Layer> layers{{64, 32}, {64, 32}};
  const VoteTally tally = tally_of(std::vector<std::uint32_t>(128, 1));
  const auto mask =
      majority_mask(tally, layers, {.rule = TieBreak::Rule::random, .seed = 1, .round = 1});
  const auto parts = by_layer(mask, layers);
  std::vector<Index> second(parts[1].begin(), parts[1].end());
  for (Index& i : second) i -= 64;
  EXPECT_NE(std::vector<Index>(parts[0].begin(), parts[0].end()), second);
}

TEST(LayerMasks, SumsOfChangesGiveThatOfATally) {
  for (const std::uint32_t workers : {1U, 4U, 10U, 17U}) {
    for (const bool checks : {false, true}) {
      VoteSum sum(
          kD, {.workers = workers, .k = kK, .k_ad = kK, .check_votes = checks, .layers = kLayers});
      auto votes = drawn_votes(workers, workers);
      for (std::uint32_t n = 0; n < workers; ++n) sum.first(n, votes[n]);
      std::mt19937_64 random(workers);
      for (std::uint64_t round = 1; round <= 4; ++round) {
        const TieBreak tie{.rule = TieBreak::Rule::random, .seed = 3, .round = round};
        EXPECT_EQ(sum.layers_majority_mask(tie), by_definition(sum.counts(), tie));
        EXPECT_EQ(sum.layers_majority_mask(tie), majority_mask(tallied(kD, votes), kLayers, tie));
        for (std::uint32_t n = 0; n < workers; ++n) {
          const auto next = drawn_vote(random);
          VoteChange change;
          std::ranges::set_difference(next, votes[n], std::back_inserter(change.add));
          std::ranges::set_difference(votes[n], next, std::back_inserter(change.drop));
          sum.change(n, change);
          votes[n] = next;
        }
      }
    }
  }
}

TEST(LayerMasks, ASumRefusesVotesThatAreNotOfItsLayersAndIsUnchanged) {
  VoteSum sum(6, {.workers = 2, .k = 3, .k_ad = 3, .layers = {{2, 1}, {4, 2}}});
  EXPECT_THAT(
      [&] {
        sum.first(0, std::vector<Index>{0, 1, 2});
      },
      ThrowsMessage<comm::DecodeError>(
          HasSubstr("a first vote of 2 coordinates in layer 0, not k = 1")));
  sum.first(0, std::vector<Index>{0, 2, 3});
  sum.first(1, std::vector<Index>{0, 2, 4});
  EXPECT_THAT([&] { sum.change(0, {.add = {1}, .drop = {3}}); },
              ThrowsMessage<comm::DecodeError>(
                  HasSubstr("1 adds and 0 drops in layer 0, not equally many")));
  const std::vector<std::uint32_t> counts = sum.counts();
  EXPECT_THAT(
      [&] {
        sum.change(0, {.add = {1, 2}, .drop = {0, 3}});
      },
      ThrowsMessage<comm::DecodeError>(HasSubstr("adds 2, which has every")));
  EXPECT_THAT([&] { sum.change(1, {.add = {3}, .drop = {5}}); },
              ThrowsMessage<comm::DecodeError>(HasSubstr("drops 5, which has no vote")));
  EXPECT_EQ(sum.counts(), counts);
  const TieBreak tie{.rule = TieBreak::Rule::index};
  EXPECT_EQ(sum.layers_majority_mask(tie), (std::vector<Index>{0, 2, 3}));
}

TEST(LayerMasks, ASumRefusesLayersThatAreNotItsOwn) {
  EXPECT_THROW(VoteSum(6, {.workers = 2, .k = 3, .k_ad = 3, .layers = {{2, 1}, {3, 2}}}),
               std::invalid_argument);
  EXPECT_THROW(VoteSum(6, {.workers = 2, .k = 2, .k_ad = 2, .layers = {{2, 1}, {4, 2}}}),
               std::invalid_argument);
}

TEST(LayerMasks, RandomSelectionIsThatOfEachLayer) {
  const auto votes = drawn_votes(8, 5);
  const VoteCounts counts = counted(kD, votes);
  const auto want = in_each_layer(
      counts.counts(), [](std::span<const std::uint32_t> of, std::size_t k, std::uint64_t part) {
        return random_selection_by_scanning(of, k, 11, 4, part);
      });
  EXPECT_EQ(random_selection(tallied(kD, votes), kLayers, 11, 4), want);
}

TEST(LayerMasks, RandomMaskIsThatOfEachLayer) {
  const std::vector<std::uint32_t> none(kD);
  const auto want =
      in_each_layer(none, [](std::span<const std::uint32_t> of, std::size_t k, std::uint64_t part) {
        return random_mask_by_sets(of.size(), k, 11, 4, part);
      });
  EXPECT_EQ(random_mask(kLayers, 11, 4), want);
  EXPECT_NE(random_mask(kLayers, 11, 5), want);
}

TEST(LayerMasks, RefuseLayersWithTooFewVotesOrOfAnotherDimension) {
  const VoteTally tally = tally_of({1, 0, 1, 1});
  const std::vector<Layer> layers{{2, 2}, {2, 1}};
  EXPECT_THROW((void)majority_mask(tally, layers, {}), std::invalid_argument);
  EXPECT_THROW((void)random_selection(tally, layers, 1, 1), std::invalid_argument);
  for (const Layer& other : {Layer{3, 1}, Layer{5, 1}}) {
    EXPECT_THROW((void)majority_mask(tally, std::vector{other}, {}), std::invalid_argument);
    EXPECT_THROW((void)random_selection(tally, std::vector{other}, 1, 1), std::invalid_argument);
  }
}

}  // namespace
}  // namespace mvsgd::compress
