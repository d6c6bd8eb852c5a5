// The running sum of eq 16 is the sum of all votes at every round, and refuses all faults that it
// shows.
#include "compress/vote/vote_sum.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/vote/majority_vote.hpp"
#include "tests/compress/vote/votes.hpp"

namespace mvsgd::compress {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Throws;
using ::testing::ThrowsMessage;
using List = std::vector<Index>;
using Counts = std::vector<std::uint32_t>;

// Values of eight magnitudes; seven coordinates of eight keep the value of the round before.
void advance(std::mt19937_64& random, std::vector<float>& x) {
  for (float& value : x) {
    const std::uint64_t word = random();
    if (word % 8 == 0) value = static_cast<float>(word >> 3 & 7) * ((word & 64) != 0 ? -1 : 1);
  }
}

struct LongRun {
  std::size_t d;
  std::uint32_t workers;
  std::size_t k;
  std::size_t k_ad;
  int rounds;
};

void expect_the_mask_of_the_definition(const VoteSum& sum, std::size_t k, std::uint64_t round) {
  const Counts counts = sum.counts();
  for (const auto rule : {TieBreak::Rule::random, TieBreak::Rule::index}) {
    const TieBreak tie = {.rule = rule, .seed = 7, .round = round};
    const List mask = majority_mask(counts, k, tie);
    ASSERT_EQ(sum.majority_mask(k, tie), mask) << "round " << round;
    std::uint64_t votes = 0;
    for (const Index i : mask) votes += counts[i];
    ASSERT_EQ(sum.votes_for(mask), votes) << "round " << round;
  }
}

// Checks masks for every k that has enough votes. Returns the largest such k.
std::size_t expect_the_masks_of_the_definition(const VoteSum& sum) {
  const Counts counts = sum.counts();
  const std::size_t voted =
      counts.size() - static_cast<std::size_t>(std::count(counts.begin(), counts.end(), 0U));
  for (std::size_t k = 0; k <= voted; ++k) expect_the_mask_of_the_definition(sum, k, k);
  return voted;
}

// Each worker's vote is also kept as a std::set. Workers come in another order in each round.
void expect_the_sum_of_all_votes_at_every_round(const LongRun& run, bool check_votes, Isa isa) {
  std::mt19937_64 random(run.d);
  VoteSum sum(run.d, {.workers = run.workers,
                      .k = run.k,
                      .k_ad = run.k_ad,
                      .check_votes = check_votes,
                      .isa = isa});
  std::vector<std::vector<float>> x(run.workers, std::vector<float>(run.d));
  std::vector<List> votes(run.workers);
  std::vector<std::set<Index>> checked(run.workers);
  std::vector<std::uint32_t> order(run.workers);
  std::iota(order.begin(), order.end(), 0U);
  std::set<std::uint32_t> met;  // every count seen
  for (int t = 0; t < run.rounds; ++t) {
    std::shuffle(order.begin(), order.end(), random);
    for (const std::uint32_t n : order) {
      advance(random, x[n]);
      const List top = top_k_support(x[n], run.k);
      if (t == 0) {
        votes[n] = top;
        checked[n].insert(top.begin(), top.end());
        sum.first(n, top);
        continue;
      }
      const VoteChange change = add_drop(x[n], top, votes[n], run.k_ad);
      votes[n] = changed_vote(votes[n], change);
      for (const Index i : change.drop) ASSERT_EQ(checked[n].erase(i), 1U);
      for (const Index i : change.add) ASSERT_TRUE(checked[n].insert(i).second);
      ASSERT_EQ(votes[n], List(checked[n].begin(), checked[n].end()));
      ASSERT_EQ(votes[n].size(), run.k);
      ASSERT_NO_THROW(sum.change(n, change)) << "round " << t;
    }
    Counts counts(run.d);
    for (const auto& vote : checked) {
      for (const Index i : vote) ++counts[i];
    }
    ASSERT_EQ(sum.counts(), counts) << "round " << t;
    expect_the_mask_of_the_definition(sum, run.k, static_cast<std::uint64_t>(t));
    met.insert(counts.begin(), counts.end());
  }
  // The run has had counts at which an honest worker could be refused by mistake.
  EXPECT_TRUE(met.contains(0));
  EXPECT_TRUE(met.contains(run.workers));
}

TEST(VoteSum, IsTheSumOfAllVotesAtEveryRound) {
  for (const LongRun& run : {LongRun{.d = 500, .workers = 4, .k = 50, .k_ad = 5, .rounds = 300},
                             LongRun{.d = 10, .workers = 3, .k = 4, .k_ad = 2, .rounds = 2000},
                             LongRun{.d = 6, .workers = 2, .k = 3, .k_ad = 3, .rounds = 2000}}) {
    for (const bool check_votes : {false, true}) {
      for (const Isa isa : supported_isas()) {
        SCOPED_TRACE(testing::Message() << run.d << ", " << name(isa));
        expect_the_sum_of_all_votes_at_every_round(run, check_votes, isa);
      }
    }
  }
}

TEST(VoteSum, ServesTheMajorityVote) {
  VoteSum sum(6, {.workers = 2, .k = 2, .k_ad = 1});
  sum.first(0, List{0, 1});
  sum.first(1, List{1, 2});
  sum.change(0, {.add = {2}, .drop = {0}});
  EXPECT_THAT(majority_mask(sum.counts(), 2, {}), ElementsAre(1, 2));
}

TEST(VoteSum, HasTheMaskOfTheDefinitionForEveryK) {
  // Twenty workers, so that a count has five bits; 200 coordinates, so that the last word is
  // incomplete.
  std::mt19937_64 random(3);
  for (const Isa isa : supported_isas()) {
    VoteSum sum(200, {.workers = 20, .k = 60, .k_ad = 6, .isa = isa});
    for (std::uint32_t n = 0; n < 20; ++n) {
      std::vector<float> x(200);
      advance(random, x);
      sum.first(n, top_k_support(x, 60));
    }
    const std::size_t voted = expect_the_masks_of_the_definition(sum);
    EXPECT_THAT([&] { (void)sum.majority_mask(voted + 1, {}); }, Throws<std::invalid_argument>());
  }
}

// First votes of three workers; the counts are 3 2 1 1 1 1 0 0 0 0.
VoteSum three_votes(bool check_votes) {
  VoteSum sum(10, {.workers = 3, .k = 3, .k_ad = 2, .check_votes = check_votes});
  sum.first(0, List{0, 1, 2});
  sum.first(1, List{0, 1, 3});
  sum.first(2, List{0, 4, 5});
  return sum;
}

void expect_refused(VoteSum& sum, const VoteChange& change, const std::string& why) {
  const Counts before = sum.counts();
  EXPECT_THAT(
      [&] { sum.change(1, change); },
      ThrowsMessage<comm::DecodeError>(AllOf(HasSubstr("VoteSum: worker 1: "), HasSubstr(why))));
  EXPECT_EQ(sum.counts(), before) << why;
  expect_the_masks_of_the_definition(sum);
}

TEST(VoteSum, RefusesEveryChangeThatNoVoteCanHaveAndStaysAsItWas) {
  for (const bool check_votes : {false, true}) {
    VoteSum sum = three_votes(check_votes);
    expect_refused(sum, {.add = {7, 6}, .drop = {0, 1}}, "add[1] = 6 of d = 10");
    expect_refused(sum, {.add = {6, 6}, .drop = {0, 1}}, "add[1] = 6 of d = 10");
    expect_refused(sum, {.add = {6, 10}, .drop = {0, 1}}, "add[1] = 10 of d = 10");
    expect_refused(sum, {.add = {6, 7}, .drop = {1, 0}}, "drop[1] = 0 of d = 10");
    expect_refused(sum, {.add = {6, 7}, .drop = {1, 1}}, "drop[1] = 1 of d = 10");
    expect_refused(sum, {.add = {6, 7}, .drop = {1, 10}}, "drop[1] = 10 of d = 10");
    expect_refused(sum, {.add = {6, 7}, .drop = {1}}, "2 adds and 1 drops");
    expect_refused(sum, {.add = {}, .drop = {1}}, "0 adds and 1 drops");
    expect_refused(sum, {.add = {6, 7, 8}, .drop = {0, 1, 3}}, "3 adds and 3 drops");
    expect_refused(sum, {.add = {1, 6}, .drop = {1, 3}}, "both adds and drops 1");
    expect_refused(sum, {.add = {6, 7}, .drop = {3, 9}},
                   check_votes ? "drops 9, which its vote lacks" : "drops 9, which has no vote");
    expect_refused(
        sum, {.add = {0, 6}, .drop = {1, 3}},
        check_votes ? "adds 0, which its vote has" : "adds 0, which has every worker's vote");
    sum.change(1, {.add = {6, 7}, .drop = {1, 3}});
    EXPECT_THAT(sum.counts(), ElementsAre(3, 1, 1, 0, 1, 1, 1, 1, 0, 0));
  }
}

TEST(VoteSum, RefusesMoreChangesThanAVoteHasCoordinates) {
  VoteSum sum(10, {.workers = 3, .k = 1, .k_ad = 5});
  for (std::uint32_t n = 0; n < 3; ++n) sum.first(n, List{n});
  expect_refused(sum, {.add = {3, 4}, .drop = {0, 1}}, "2 adds and 2 drops");
  sum.change(1, {.add = {3}, .drop = {1}});
  EXPECT_THAT(sum.counts(), ElementsAre(1, 0, 1, 1, 0, 0, 0, 0, 0, 0));
}

TEST(VoteSum, RefusesWhatOnlyTheVotesShowIfItKeepsThem) {
  const VoteChange adds_its_own = {.add = {1, 6}, .drop = {0, 3}};
  const VoteChange drops_of_another = {.add = {6, 7}, .drop = {2, 3}};

  VoteSum sum = three_votes(false);
  sum.change(1, adds_its_own);
  EXPECT_THAT(sum.counts(), ElementsAre(2, 3, 1, 0, 1, 1, 1, 0, 0, 0));
  sum = three_votes(false);
  sum.change(1, drops_of_another);
  EXPECT_THAT(sum.counts(), ElementsAre(3, 2, 0, 0, 1, 1, 1, 1, 0, 0));

  VoteSum checked = three_votes(true);
  expect_refused(checked, adds_its_own, "adds 1, which its vote has");
  expect_refused(checked, drops_of_another, "drops 2, which its vote lacks");
  // The refused changes have not altered the kept vote: it is still {0, 1, 3}.
  checked.change(1, {.add = {6, 7}, .drop = {0, 3}});
  // And the accepted one has: it is {1, 6, 7}.
  expect_refused(checked, {.add = {7}, .drop = {1}}, "adds 7, which its vote has");
  expect_refused(checked, {.add = {8}, .drop = {0}}, "drops 0, which its vote lacks");
  checked.change(1, {.add = {3}, .drop = {6}});
  EXPECT_THAT(checked.counts(), ElementsAre(2, 2, 1, 1, 1, 1, 0, 1, 0, 0));
}

TEST(VoteSum, RefusesAFirstVoteThatIsNoneAndStaysAsItWas) {
  VoteSum sum(5, {.workers = 2, .k = 2, .k_ad = 1});
  sum.first(0, List{0, 1});
  sum.change(0, {.add = {1}, .drop = {0}});  // dishonest, and unseen without its vote
  const auto refuses = [&](const List& vote, const char* why) {
    EXPECT_THAT(
        [&] { sum.first(1, vote); },
        ThrowsMessage<comm::DecodeError>(AllOf(HasSubstr("VoteSum: worker 1: "), HasSubstr(why))));
    EXPECT_THAT(sum.counts(), ElementsAre(0, 2, 0, 0, 0));
  };
  refuses({2}, "a first vote of 1 coordinates, not k = 2");
  refuses({2, 3, 4}, "a first vote of 3 coordinates, not k = 2");
  refuses({3, 2}, "vote[1] = 2 of d = 5");
  refuses({3, 3}, "vote[1] = 3 of d = 5");
  refuses({3, 5}, "vote[1] = 5 of d = 5");
  refuses({1, 3}, "votes for 1, which has every worker's vote");
  sum.first(1, List{3, 4});
  EXPECT_THAT(sum.counts(), ElementsAre(0, 2, 0, 1, 1));
}

TEST(VoteSum, RefusesCallsOutOfOrderAndWorkersThatThereAreNot) {
  VoteSum sum(5, {.workers = 2, .k = 1, .k_ad = 1});
  EXPECT_THAT([&] { sum.change(1, {}); },
              ThrowsMessage<std::logic_error>("VoteSum: worker 1 changes a vote before its first"));
  sum.first(0, List{3});
  EXPECT_THAT([&] { sum.first(0, List{2}); },
              ThrowsMessage<std::logic_error>("VoteSum: worker 0 votes first twice"));
  EXPECT_THAT([&] { sum.first(2, List{2}); },
              ThrowsMessage<std::invalid_argument>("VoteSum: worker 2 of 2"));
  EXPECT_THAT([&] { sum.change(2, {}); }, Throws<std::invalid_argument>());
  EXPECT_THAT(sum.counts(), ElementsAre(0, 0, 0, 1, 0));
}

TEST(VoteSum, RefusesOptionsOfNoRun) {
  EXPECT_THROW(VoteSum(0, {.workers = 1, .k = 0, .k_ad = 0}), std::invalid_argument);
  EXPECT_THROW(VoteSum(5, {.workers = 0, .k = 1, .k_ad = 1}), std::invalid_argument);
  EXPECT_THAT([] { (void)VoteSum(5, {.workers = 3, .k = 6, .k_ad = 1}); },
              ThrowsMessage<std::invalid_argument>("VoteSum: d = 5, k = 6, 3 workers"));
}

}  // namespace
}  // namespace mvsgd::compress
