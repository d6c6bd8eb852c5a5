// Client sampling: m of N workers take part in a round. Every scheme, and all that is sent against
// earlier rounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <iterator>
#include <mutex>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/participation.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/control.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/group.hpp"
#include "sim/verify/drawn_update.hpp"
#include "tests/sim/round/broken_off.hpp"
#include "tests/sim/round/defined_run.hpp"
#include "tests/sim/round/scheme_case.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::size_t kD = DefinedRun::kD;
constexpr std::uint32_t kWorkers = 5;
constexpr std::uint32_t kTaking = 2;

struct SampledCase {
  std::string name;
  GivenSettings given;
};

std::ostream& operator<<(std::ostream& out, const SampledCase& c) { return out << c.name; }

const std::vector<SampledCase>& cases() {
  static const std::vector<SampledCase> all{
      {"Dense", {{"scheme", "dense"}, {"local_steps", "2"}}},
      {"Mv", {{"scheme", "mv"}}},
      {"MvDelta",
       {{"scheme", "mv"},
        {"vote_codec", "delta"},
        {"mask_codec", "delta"},
        {"value_bits", "4"},
        {"value_codec", "entropy"}}},
      {"MvRice", {{"scheme", "mv"}, {"position_codec", "rice"}, {"aggregation", "sum"}}},
      {"Rs", {{"scheme", "mv-rs"}, {"value_bits", "4"}, {"mask_codec", "delta"}}},
      {"Ad", {{"scheme", "mv-ad"}, {"check_votes", "true"}}},
      {"AdSign", {{"scheme", "mv-ad"}, {"value_bits", "1"}, {"quantizer", "scaled-sign"}}},
      {"AdRank",
       {{"scheme", "mv-ad"},
        {"add_codec", "rank"},
        {"drop_codec", "rank"},
        {"value_bits", "4"},
        {"value_codec", "entropy"},
        {"position_codec", "rans"}}},
      {"AdCorrected",
       {{"scheme", "mv-ad"},
        {"momentum", "0.875"},
        {"nesterov", "true"},
        {"momentum_correction", "true"}}},
      {"TopK", {{"scheme", "top-k"}}},
      {"TopKDelta", {{"scheme", "top-k"}, {"vote_codec", "delta"}, {"momentum", "0.875"}}},
      {"RandK", {{"scheme", "rand-k"}, {"mask_codec", "delta"}}},
      {"MvBothWays", {{"scheme", "mv"}, {"value_bits", "4"}, {"aggregate_bits", "2"}}},
      {"RandKDownAlone", {{"scheme", "rand-k"}, {"aggregate_bits", "1"}}},
      {"AdForgets", {{"scheme", "mv-ad"}, {"error_memory", "false"}}},
      {"AdStairs", {{"scheme", "mv-ad"}, {"phi_warmup", "stairs"}}},
      {"TopKStairs", {{"scheme", "top-k"}, {"phi_warmup", "stairs"}, {"vote_codec", "delta"}}}};
  return all;
}

Settings settings_of(const GivenSettings& given) {
  Settings settings;
  set(settings, given);
  set(settings, {{"workers", std::to_string(kWorkers)},
                 {"participation", std::to_string(kTaking)},
                 {"phi", "0.03"},
                 {"phi_ad", "0.004"},
                 {"epochs", "12"},
                 {"warmup_epochs", "4"}});
  validate(settings);
  return settings;
}

/// Workers and a server over six to twelve rounds, with two decays, beside the definition.
class Sampled : public DefinedRun, public testing::TestWithParam<SampledCase> {
 protected:
  Sampled() : DefinedRun(settings_of(GetParam().given)) {}

  [[nodiscard]] bool takes_part(const Round& round, std::uint32_t n) const {
    return std::ranges::binary_search(defined_[round.t - 1].participants, n);
  }
};

INSTANTIATE_TEST_SUITE_P(Of, Sampled, testing::ValuesIn(cases()),
                         [](const auto& c) { return c.param.name; });

TEST_P(Sampled, RoundsHaveMWorkersButThoseThatBeginWithNewVotesHaveAll) {
  std::set<std::vector<std::uint32_t>> sets;
  for (const Round& round : plan_) {
    const auto& taking = defined_[round.t - 1].participants;
    EXPECT_EQ(taking.size(), round.first_sparse ? kWorkers : kTaking) << round.t;
    EXPECT_EQ(taking, participants(settings_, round)) << round.t;
    if (!round.first_sparse) sets.insert(taking);
  }
  EXPECT_GT(sets.size(), 3U);
}

TEST_P(Sampled, EqualsTheDefinitionWithinTheLawWhateverTheSlots) {
  const Audit audit({}, settings_, kD, 0);
  Settings summed = settings_;
  summed.ledger_rows = LedgerRows::round;
  const Audit audit_of_sums({}, summed, kD, 0);
  std::map<std::uint32_t, RoundSizes> sizes;
  std::vector<comm::LedgerRow> all;
  on_closed_ = [&](const RoundRecord& record) {
    const Round& round = record.round;
    audit.check(round, record.ledger, record.sizes);
    const RoundSizes told = audit.sizes_in(round, record.ledger);
    EXPECT_EQ(told.coded_bits, record.sizes.coded_bits) << round.t;
    EXPECT_EQ(told.union_size, record.sizes.union_size) << round.t;
    // The bits of rANS do not tell how many coordinates a list adds.
    if (settings_.position_codec == "block") {
      EXPECT_EQ(told.changes, record.sizes.changes) << round.t;
    }
    sizes[round.t] = record.sizes;
    all.insert(all.end(), record.ledger.begin(), record.ledger.end());

    std::map<std::tuple<comm::Direction, comm::Kind, comm::Field>, comm::Bits> by_kind;
    for (const auto& [id, field, bits] : record.ledger) {
      by_kind[{id.direction, id.kind, field}] += bits;
      EXPECT_TRUE(id.direction == comm::Direction::down || takes_part(round, id.worker));
    }
    std::vector<comm::LedgerRow> sums;
    for (const auto& [key, bits] : by_kind) {
      const auto& [way, kind, field] = key;
      sums.push_back({.id = {.round = round.t, .worker = 0, .direction = way, .kind = kind},
                      .field = field,
                      .bits = bits});
    }
    RoundSizes in_sums =
        audit_of_sums.sizes_in_sums(round, sums, std::vector<std::uint32_t>(told.changes));
    in_sums.changes = record.sizes.changes;
    std::ranges::sort(in_sums.changes);
    EXPECT_NO_THROW(audit_of_sums.check_sums(round, sums, in_sums)) << round.t;
  };
  expect_the_definitions(advance(begin(), update_, 1));
  EXPECT_EQ(sizes.size(), plan_.size() + 1);
  const auto totals = std::exchange(all, {});
  std::vector<comm::LedgerRow> after;
  for (const comm::LedgerRow& row : totals) {
    if (row.id.round > 0) after.push_back(row);
  }
  EXPECT_NO_THROW(audit.check_totals(
      plan_, [&](const Round& round) { return sizes[round.t]; }, after));
  expect_the_definitions(advance(begin(), update_, 4));
}

TEST_P(Sampled, AnAbsentWorkerSendsNothingAndReceivesWhatAllDo) {
  std::mutex mutex;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<comm::Kind>> up;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<comm::Kind>> down;
  on_message_ = [&](std::uint32_t to, const comm::Message& message) {
    const std::lock_guard lock(mutex);
    const bool is_up = to == kWorkers;
    auto& kinds = is_up ? up[{message.header.round, message.header.sender}]
                        : down[{message.header.round, to}];
    kinds.push_back(message.header.kind);
  };
  (void)advance(begin(), update_, 2);
  for (const Round& round : plan_) {
    std::vector<comm::Kind> want{comm::Kind::mask, comm::Kind::aggregate};
    if (round.dense) want.erase(want.begin());
    for (std::uint32_t n = 0; n < kWorkers; ++n) {
      EXPECT_EQ((down[{round.t, n}]), want) << round.t << ", worker " << n;
      EXPECT_EQ((up[{round.t, n}]).empty(), !takes_part(round, n)) << round.t << ", worker " << n;
    }
  }
}

TEST_P(Sampled, AnAbsentWorkerKeepsErrorVelocityAndVoteUnlessADecayScalesItsError) {
  GroupState state = begin();
  std::size_t absences = 0;
  while (state.t < plan_.size()) {
    const Round& round = plan_[state.t];
    const std::vector<WorkerState> before = state.workers;
    state = advance(std::move(state), update_, 2, [](const Round&) { return true; });
    for (std::uint32_t n = 0; n < kWorkers; ++n) {
      EXPECT_TRUE(same_bits(state.workers[n].theta, state.server.theta)) << round.t;
      if (takes_part(round, n)) continue;
      ++absences;
      std::vector<float> e = before[n].e;
      e.resize(kD);  // none before round 1
      if (settings_.error_rescale_on_decay()) {
        for (float& x : e) x *= round.decay;
      }
      EXPECT_TRUE(same_bits(state.workers[n].e, e)) << round.t << ", worker " << n;
      if (round.t > 1) {
        EXPECT_TRUE(same_bits(state.workers[n].velocity, before[n].velocity)) << round.t;
      }
      EXPECT_EQ(state.workers[n].vote, before[n].vote) << round.t << ", worker " << n;
      EXPECT_EQ(state.workers[n].threshold, before[n].threshold) << round.t;
    }
  }
  expect_the_definitions(state);
  const auto whole =
      static_cast<std::size_t>(std::ranges::count(plan_, true, &Round::first_sparse));
  EXPECT_EQ(absences, (plan_.size() - whole) * (kWorkers - kTaking));
}

TEST_P(Sampled, MayPauseAfterAnyRound) { expect_that_it_may_pause_after_any_round(); }

TEST_P(Sampled, MayGiveUpAnyRound) {
  for (std::uint32_t t = 1; t <= plan_.size(); ++t) {
    SCOPED_TRACE(t);
    const auto& taking = defined_[t - 1].participants;
    const auto count = static_cast<std::uint32_t>(taking.size());
    GivenUpUpdate update(update_, count, t, taking[t % count], kWorkers);
    GroupState state = advance(begin(), update, kWorkers, {}, &update.give_up());
    ASSERT_EQ(state.t, t - 1);
    if (t > 1) {
      EXPECT_EQ(state.server.mask, defined_[t - 2].mask);
    }
    expect_the_definitions(advance(std::move(state), update, kWorkers, {}, &update.give_up()));
  }
}

// The server gives the round up when updates are sent already, as a stopped run may. Its own error
// memory has not changed by then.
TEST_P(Sampled, MayGiveUpARoundWhoseUpdatesAreSent) {
  for (std::uint32_t t = 1; t <= plan_.size(); ++t) {
    SCOPED_TRACE(t);
    const comm::Kind sent = plan_[t - 1].dense ? comm::Kind::dense : comm::Kind::update;
    EXPECT_TRUE(expect_that_it_may_be_given_up_after(sent, t));
  }
}

TEST_P(Sampled, AgreementIsOverTheVotesThatAreCountedAndOverlapOverTheMask) {
  on_closed_ = [&](const RoundRecord& record) {
    const std::uint32_t t = record.round.t;
    if (t == 0) return;
    const DefinedRound& now = defined_[t - 1];
    ASSERT_EQ(record.mask_overlap.has_value(), !record.round.dense && !record.round.first_sparse);
    if (record.mask_overlap) {
      std::vector<compress::Index> both;
      std::ranges::set_intersection(now.mask, defined_[t - 2].mask, std::back_inserter(both));
      const auto share = static_cast<double>(both.size()) / static_cast<double>(now.mask.size());
      EXPECT_EQ(*record.mask_overlap, share) << t;
    }
    std::size_t voters = 0;
    for (const auto& vote : now.votes) voters += vote.empty() ? 0 : 1;
    ASSERT_EQ(record.vote_agreement.has_value(), voters > 0) << t;
    if (voters == 0) return;
    EXPECT_EQ(voters, drops(*settings_.scheme) ? kWorkers : now.participants.size());
    std::uint64_t votes = 0;
    for (const compress::Index i : now.mask) votes += now.counts[i];
    const auto places = static_cast<double>(now.mask.size() * voters);
    EXPECT_EQ(*record.vote_agreement, static_cast<double>(votes) / places) << t;
  };
  (void)advance(begin(), update_, 2);
}

TEST(Participation, OfAllWorkersIsTheRunWithoutIt) {
  for (const SampledCase& c : cases()) {
    Settings settings = settings_of(c.given);
    std::vector<std::vector<float>> thetas;
    for (const std::uint32_t m : {0U, kWorkers, kWorkers - 1}) {
      settings.participation = m;
      std::vector<Round> plan = schedule(settings, std::uint64_t{kWorkers} * settings.batch);
      for (Round& round : plan) round.evaluate = false;
      DrawnUpdate update(kD, kWorkers, 5, settings);
      Slots slots(2);
      comm::InprocGroup group(kWorkers, {});
      thetas.push_back(run_group({.group = group,
                                  .settings = settings,
                                  .rounds = plan,
                                  .update = update,
                                  .slots = slots},
                                 initial_state(kWorkers, std::vector<float>(kD, 1.0F), {}))
                           .server.theta);
    }
    EXPECT_TRUE(same_bits(thetas[0], thetas[1])) << c.name;
    EXPECT_FALSE(same_bits(thetas[0], thetas[2])) << c.name;
  }
}

/// Moves every parameter by the worker's number and one.
class ByNumber final : public LocalUpdate {
 public:
  LocalResult run(std::size_t slot, const Round& /*round*/, std::uint32_t worker,
                  const FlatView& theta, LocalMemory /*memory*/) override {
    std::vector<float>& moved = theta_[slot];
    moved.assign(theta.host().begin(), theta.host().end());
    for (float& x : moved) x += static_cast<float>(worker + 1);
    return {.theta = moved};
  }

 private:
  std::vector<float> theta_[kWorkers];
};

TEST(Participation, TheMeanIsOverThoseThatTakePart) {
  Settings settings = settings_of({{"scheme", "dense"}});
  for (const Aggregation aggregation : {Aggregation::mean, Aggregation::sum}) {
    settings.aggregation = aggregation;
    std::vector<Round> plan = plain_rounds(8, 0, kWorkers - kTaking);
    ByNumber update;
    Slots slots(kWorkers);
    comm::InprocGroup group(kWorkers, {});
    const GroupState state = run_group(
        {.group = group, .settings = settings, .rounds = plan, .update = update, .slots = slots},
        initial_state(kWorkers, {0.0F}, {}));
    float want = 0;
    for (const Round& round : plan) {
      float sum = 0;
      for (const std::uint32_t n : participants(settings, round)) sum += static_cast<float>(n + 1);
      want += aggregation == Aggregation::mean ? sum / kTaking : sum;  // halves: exact
    }
    EXPECT_EQ(state.server.theta, std::vector<float>{want});
  }
}

TEST(Participation, TheServerWaitsForAbsentWorkersBeforeItSendsTheAggregate) {
  Settings settings = settings_of({{"scheme", "dense"}});
  settings.workers = 2;
  settings.participation = 1;
  const std::vector<Round> rounds = plain_rounds(1, 0, 1);
  const std::uint32_t present = participants(settings, rounds[0]).front();
  const std::uint32_t absent = 1 - present;
  const Protocols protocols(settings, 3, rounds);
  GiveUp never({}, 3);
  std::atomic<bool> is_sent = false;
  comm::InprocGroup group(2, [&](std::uint32_t, const comm::Message& message) {
    if (message.header.kind == comm::Kind::aggregate) is_sent = true;
  });
  Server server(
      {.protocols = protocols,
       .settings = settings,
       .leader =
           {.rounds = rounds, .pause_after = {}, .evaluate = {}, .on_closed = {}, .give_up = never},
       .on_counts = {}},
      group.end(2), {.theta = std::vector<float>(3), .mask = {}}, {}, 0);
  std::jthread serving([&] { (void)server.run(); });
  std::vector<float> values(3);
  for (const std::uint32_t n : {0U, 1U}) {
    receive_values(protocols.last(), group.end(n), 2, {comm::Kind::model, 0}, values);
    group.end(n).report_round(0, encode_report({}));
  }
  group.end(present).send(
      2, encode_values(protocols.last(), present, {comm::Kind::dense, 1}, {{1.0F, 2.0F, 3.0F}}));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(is_sent);
  send_begun(group.end(absent), 1);
  for (const std::uint32_t n : {0U, 1U}) {
    receive_values(protocols.last(), group.end(n), 2, {comm::Kind::aggregate, 1}, values);
    EXPECT_EQ(values, (std::vector<float>{1.0F, 2.0F, 3.0F})) << n;
    group.end(n).report_round(1, encode_report({}));
  }
}

TEST(AuditOfParticipation, NamesAnAbsentWorkerThatSentAndAPresentOneThatDidNot) {
  const Settings settings = settings_of({{"scheme", "mv"}});
  const Audit audit({}, settings, kD, 7);
  Round round;
  round.t = 9;
  round.steps = 1;
  round.absent = kWorkers - kTaking;
  round.evaluate = true;
  const auto taking = participants(settings, round);
  const auto rows_of = [&](bool swapped) {
    std::vector<comm::LedgerRow> rows;
    for (std::uint32_t n = 0; n < kWorkers; ++n) {
      // What the next one has, in the name of this one.
      for (comm::LedgerRow row : audit.expected(round, swapped ? (n + 1) % kWorkers : n)) {
        row.id.worker = n;
        rows.push_back(row);
      }
    }
    return rows;
  };
  EXPECT_NO_THROW(audit.check(round, rows_of(false)));
  EXPECT_THROW(audit.check(round, rows_of(true)), CheckFailed);
  for (std::uint32_t n = 0; n < kWorkers; ++n) {
    const auto rows = audit.expected(round, n);
    const auto ups = std::ranges::count(
        rows, comm::Direction::up, [](const comm::LedgerRow& row) { return row.id.direction; });
    EXPECT_EQ(ups > 0, std::ranges::binary_search(taking, n)) << n;
  }
}

TEST(AuditOfParticipation, RefusesAnotherNumberOfWorkersThanTheLaws) {
  const Settings settings = settings_of({{"scheme", "mv"}});
  const Audit audit({}, settings, kD, 0);
  Round round;
  round.t = 9;
  round.steps = 1;
  for (std::uint32_t absent = 0; absent < kWorkers; ++absent) {
    round.absent = absent;
    if (absent == kWorkers - kTaking) {
      EXPECT_NO_THROW((void)audit.expected(round, 0));
    } else {
      EXPECT_THROW((void)audit.expected(round, 0), CheckFailed) << absent;
    }
  }
  round.first_sparse = true;
  EXPECT_THROW((void)audit.expected(round, 0), CheckFailed);
  round.absent = 0;
  EXPECT_NO_THROW((void)audit.expected(round, 0));
}

}  // namespace
}  // namespace mvsgd::sim
