// Workers and server over the in-process transport, compared with the definition, and with faults.
#include "sim/round/group.hpp"
#include "sim/plan/scheme.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "comm/inproc/inproc.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/presets.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/give_up.hpp"
#include "sim/verify/drawn_update.hpp"
#include "tests/sim/round/broken_off.hpp"
#include "tests/sim/round/scheme_case.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

constexpr std::size_t kD = 5'003;

Settings small_settings() {
  Settings settings = preset("ssgd-mv").settings;
  settings.workers = 4;
  settings.phi = Decimal(2, 2);
  settings.tie_break = TieBreaking::index;
  settings.deadline = 60;
  return settings;
}

/// One dense round, then sparse ones.
std::vector<Round> plan_of(std::uint32_t count) { return plain_rounds(1, count - 1); }

std::vector<Round> small_plan() { return plan_of(4); }

struct Observers {
  std::function<void(const RoundRecord&)> on_closed = {};
  comm::WireObserver on_message = {};
  CountsObserver on_counts = {};
  PauseAfter pause_after = {};
  GiveUp* give_up = nullptr;
};

GroupState begin(const Settings& settings) {
  return initial_state(settings.workers, std::vector<float>(kD, 1.0F), {});
}

/// Runs from `state` to the end, or to the first pause.
GroupState advance(GroupState state, const Settings& settings, const std::vector<Round>& plan,
                   LocalUpdate& update, std::size_t slot_count, Observers observers = {}) {
  Slots slots(slot_count);
  comm::InprocGroup group(settings.workers, observers.on_message);
  return run_group({.group = group,
                    .settings = settings,
                    .rounds = plan,
                    .update = update,
                    .slots = slots,
                    .on_closed = std::move(observers.on_closed),
                    .on_counts = std::move(observers.on_counts),
                    .pause_after = std::move(observers.pause_after),
                    .give_up = observers.give_up},
                   std::move(state));
}

struct Outcome {
  std::vector<float> theta;                ///< the server's, [d]
  std::vector<std::vector<float>> errors;  ///< e_n
  std::vector<std::vector<float>> velocities;
  std::vector<float> server_error;
};

Outcome run(const Settings& settings, const std::vector<Round>& plan, LocalUpdate& update,
            std::size_t slot_count, Observers observers = {}) {
  GroupState state =
      advance(begin(settings), settings, plan, update, slot_count, std::move(observers));
  Outcome outcome{.theta = std::move(state.server.theta),
                  .errors = {},
                  .velocities = {},
                  .server_error = std::move(state.server.e)};
  for (WorkerState& worker : state.workers) {
    outcome.errors.push_back(std::move(worker.e));
    outcome.velocities.push_back(std::move(worker.velocity));
  }
  return outcome;
}

Settings settings_of(const SchemeCase& c) {
  Settings settings = small_settings();
  settings.scheme = &scheme_named(c.scheme);
  settings.value_bits = c.q;
  if (c.q == 1) {
    settings.quantizer = "scaled-sign";
    settings.quantizer_block = 7;
  }
  if (c.q == 16) settings.quantizer = "bfloat16";
  settings.quantization_error = c.quantization_error;
  settings.momentum = c.momentum;
  settings.nesterov = c.nesterov;
  settings.momentum_correction = c.momentum_correction;
  settings.aggregate_bits = c.aggregate_q;
  settings.error_memory = c.error_memory;
  validate(settings);
  return settings;
}

/// Six rounds of real workers and a real server, compared with the definition's six. Each round
/// draws ties, and the rate decays before the fourth.
class GroupOfScheme : public testing::TestWithParam<SchemeCase> {
 protected:
  GroupOfScheme() {
    settings_.tie_break = TieBreaking::random;
    plan_[3].decay = 0.1F;
    Definition definition(settings_, std::vector<float>(kD, 1.0F));
    for (const Round& round : plan_) defined_.push_back(definition.run(round, update_));
    theta_.assign(definition.theta().begin(), definition.theta().end());
    server_error_.assign(definition.server_error().begin(), definition.server_error().end());
    for (std::uint32_t n = 0; n < settings_.workers; ++n) {
      errors_.emplace_back(definition.error(n).begin(), definition.error(n).end());
      velocities_.emplace_back(definition.velocity(n).begin(), definition.velocity(n).end());
    }
  }
  [[nodiscard]] const DefinedRound& defined(const Round& round) const {
    return defined_[round.t - 1];
  }
  /// |M~_{n,t} \ M~_{n,t-1}|.
  [[nodiscard]] std::uint32_t added(const Round& round, std::uint32_t worker) const {
    const auto& now = defined_[round.t - 1].votes[worker];
    const auto& before = defined_[round.t - 2].votes[worker];
    std::vector<compress::Index> added;
    std::ranges::set_difference(now, before, std::back_inserter(added));
    return static_cast<std::uint32_t>(added.size());
  }

  Settings settings_ = settings_of(GetParam());
  Protocol protocol_ = make_protocol(settings_, kD);
  std::vector<Round> plan_ = plan_of(6);
  DrawnUpdate update_{kD, 4, 5, settings_};
  std::vector<DefinedRound> defined_;
  std::vector<float> theta_;
  std::vector<float> server_error_;
  std::vector<std::vector<float>> errors_;
  std::vector<std::vector<float>> velocities_;
};

TEST_P(GroupOfScheme, EqualsTheDefinitionBitForBit) {
  for (const std::size_t slots : {1U, 4U}) {
    const Outcome result = run(settings_, plan_, update_, slots);
    EXPECT_TRUE(same_bits(result.theta, theta_)) << slots;
    if (settings_.has_server_error()) {
      EXPECT_TRUE(same_bits(result.server_error, server_error_)) << slots;
      EXPECT_GT(std::ranges::count_if(server_error_, [](float e) { return e != 0; }), 10);
    } else {
      EXPECT_TRUE(result.server_error.empty());
    }
    for (std::uint32_t n = 0; n < settings_.workers; ++n) {
      EXPECT_TRUE(same_bits(result.errors[n], errors_[n])) << slots << " slots, worker " << n;
      EXPECT_TRUE(same_bits(result.velocities[n], velocities_[n])) << slots << ", worker " << n;
      EXPECT_EQ(result.velocities[n].empty(), GetParam().momentum == 0);
    }
  }
}

TEST_P(GroupOfScheme, ItsMasksAreTheDefinitionsAndHaveKCoordinatesOrTheUnions) {
  std::size_t masks = 0;
  Observers observers;
  observers.on_message = [&](std::uint32_t to, const comm::Message& message) {
    if (to != 0 || message.header.kind != comm::Kind::mask) return;  // only in the server's thread
    comm::MessageReader reader(*message.bytes);
    const auto mask = protocol_.positions(comm::Kind::mask)
                          .codec({})
                          ->decode(reader.field(comm::Field::positions), message.header.count);
    EXPECT_EQ(mask, defined_[message.header.round - 1].mask) << message.header.round;
    EXPECT_TRUE(!has_masks_of_k(*settings_.scheme) || mask.size() == protocol_.k);
    ++masks;
  };
  (void)run(settings_, plan_, update_, 2, observers);
  EXPECT_EQ(masks, 5U);
}

TEST_P(GroupOfScheme, TheServersCountsAreTheSumOfAllVotesInEveryRound) {
  std::vector<std::uint32_t> counted;
  Observers observers;
  observers.on_counts = [&](const Round& round, std::span<const std::uint32_t> counts) {
    std::vector<std::uint32_t> sum(kD);
    for (const auto& vote : defined(round).votes) {
      EXPECT_EQ(vote.size(), protocol_.k);
      for (const compress::Index i : vote) ++sum[i];
    }
    EXPECT_TRUE(std::ranges::equal(counts, sum)) << round.t;
    counted.push_back(round.t);
  };
  (void)run(settings_, plan_, update_, 2, observers);
  const bool votes = !defined_.back().votes.empty();
  EXPECT_EQ(counted,
            (votes ? std::vector<std::uint32_t>{2, 3, 4, 5, 6} : std::vector<std::uint32_t>{}));
}

TEST_P(GroupOfScheme, AgreementIsTheShareOfAllWorkersThatVotedForACoordinateOfTheMaskOnAverage) {
  const bool votes = settings_.scheme->name() != "rand-k";
  Observers observers;
  observers.on_closed = [&](const RoundRecord& record) {
    ASSERT_EQ(record.vote_agreement.has_value(), votes && record.round.t >= 2);
    if (!record.vote_agreement) return;
    const DefinedRound& now = defined(record.round);
    double shares = 0;
    for (const compress::Index i : now.mask) shares += now.counts[i] / 4.0;  // exact: N = 4
    EXPECT_EQ(*record.vote_agreement, shares / static_cast<double>(now.mask.size()));
  };
  (void)run(settings_, plan_, update_, 2, observers);
}

TEST_P(GroupOfScheme, EveryClosedRoundHasTheLawsRowsAndTheDefinitionsSizes) {
  const Audit audit({}, settings_, kD, 0);
  std::vector<std::uint32_t> closed;
  Observers observers;
  observers.on_closed = [&](const RoundRecord& record) {
    audit.check(record.round, record.ledger, record.sizes);
    EXPECT_EQ(audit.sizes_in(record.round, record.ledger), record.sizes);
    RoundSizes want;
    if (record.round.t > 1 && !has_masks_of_k(*settings_.scheme)) {
      want.union_size = static_cast<std::uint32_t>(defined(record.round).mask.size());
    }
    if (record.round.t > 2 && drops(*settings_.scheme)) {
      for (std::uint32_t n = 0; n < settings_.workers; ++n) {
        want.changes.push_back(added(record.round, n));
      }
    }
    EXPECT_EQ(record.sizes, want) << record.round.t;
    closed.push_back(record.round.t);
  };
  (void)run(settings_, plan_, update_, 2, observers);
  EXPECT_EQ(closed, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST_P(GroupOfScheme, WhereItPausesChangesNoBitOfResultOrRecords) {
  using Row = std::tuple<std::uint32_t, comm::Kind, std::uint64_t, std::optional<double>>;
  std::vector<Row> rows;
  Observers observers;
  observers.on_closed = [&](const RoundRecord& record) {
    for (const comm::LedgerRow& row : record.ledger) {
      rows.emplace_back(record.round.t, row.id.kind, row.bits.count(), record.mask_overlap);
    }
  };
  (void)run(settings_, plan_, update_, 2, observers);
  const std::vector<Row> uncut = std::exchange(rows, {});

  for (const std::uint32_t stretch : {1U, 2U, 4U}) {
    rows.clear();
    observers.pause_after = [&](const Round& round) { return round.t % stretch == 0; };
    GroupState state = begin(settings_);
    while (state.t < plan_.size()) {
      const std::uint32_t t = state.t;
      state = advance(std::move(state), settings_, plan_, update_, 1 + t % 3, observers);
      EXPECT_EQ(state.t, std::min<std::size_t>(t + stretch, plan_.size()));
    }
    EXPECT_TRUE(same_bits(state.server.theta, theta_)) << stretch;
    for (std::uint32_t n = 0; n < settings_.workers; ++n) {
      EXPECT_TRUE(same_bits(state.workers[n].e, errors_[n])) << stretch << ", worker " << n;
      EXPECT_TRUE(same_bits(state.workers[n].velocity, velocities_[n])) << stretch;
    }
    EXPECT_EQ(rows, uncut) << stretch;
  }
}

TEST_P(GroupOfScheme, ARoundThatIsGivenUpLeavesTheStateBeforeItAndIsDoneAgain) {
  std::vector<std::uint32_t> closed;
  Observers observers;
  observers.on_closed = [&](const RoundRecord& record) { closed.push_back(record.round.t); };
  for (std::uint32_t t = 1; t <= plan_.size(); ++t) {
    SCOPED_TRACE(t);
    GroupState before = begin(settings_);
    if (t > 1) {
      Observers pausing;
      pausing.pause_after = [&](const Round& round) { return round.t + 1 == t; };
      before = advance(std::move(before), settings_, plan_, update_, 2, pausing);
    }
    closed.clear();
    GivenUpUpdate update(update_, settings_.workers, t, t % settings_.workers);
    observers.give_up = &update.give_up();
    const std::size_t slots = settings_.workers;
    GroupState state = advance(begin(settings_), settings_, plan_, update, slots, observers);
    ASSERT_EQ(state.t, t - 1);
    EXPECT_EQ(closed.size(), t);  // with round 0, the initial model's
    EXPECT_TRUE(t == 1 || same_bits(state.server.theta, before.server.theta));
    EXPECT_EQ(state.server.mask, before.server.mask);
    EXPECT_TRUE(t == 1 || state.server.kept == before.server.kept);
    for (std::uint32_t n = 0; n < settings_.workers; ++n) {
      const WorkerState& worker = state.workers[n];
      EXPECT_TRUE(t == 1 || same_bits(worker.e, before.workers[n].e)) << n;
      EXPECT_TRUE(t == 1 || same_bits(worker.velocity, before.workers[n].velocity)) << n;
      EXPECT_EQ(worker.vote, before.workers[n].vote) << n;
      EXPECT_EQ(worker.mask, before.workers[n].mask) << n;
      EXPECT_EQ(worker.threshold, before.workers[n].threshold) << n;
      EXPECT_EQ(worker.buffers, before.workers[n].buffers) << n;
    }
    state = advance(std::move(state), settings_, plan_, update, slots, observers);
    EXPECT_EQ(state.t, plan_.size());
    EXPECT_TRUE(same_bits(state.server.theta, theta_));
    for (std::uint32_t n = 0; n < settings_.workers; ++n) {
      EXPECT_TRUE(same_bits(state.workers[n].e, errors_[n])) << n;
      EXPECT_TRUE(same_bits(state.workers[n].velocity, velocities_[n])) << n;
    }
    // If round 1 was given up, round 0 is closed once more.
    const std::size_t again = t == 1 ? 1 : 0;
    EXPECT_EQ(closed.size(), plan_.size() + 1 + again);
  }
}

// A thousand workers that wait for a slot would each copy its parameters there, one after another.
TEST(Group, OfARunThatStopsNoWorkerWhoWaitsForASlotBeginsToCompute) {
  Settings settings = settings_of({"", "mv"});
  settings.workers = 8;
  DrawnUpdate drawn(kD, 2, 5);
  StoppedUpdate update(drawn, settings.workers);
  Observers observers;
  observers.give_up = &update.give_up();
  const GroupState state =
      advance(begin(settings), settings, plan_of(4), update, 1, std::move(observers));
  EXPECT_EQ(state.t, 1U);
  EXPECT_EQ(update.taken(), 1U);
}

TEST(Group, OfSeveralThatDivergeTheLowestOfTheEarliestStepIsTold) {
  Settings settings = settings_of({"", "mv"});
  settings.workers = 4;
  const auto plan = plan_of(4);
  for (std::uint32_t latest = 0; latest < 4; ++latest) {
    for (const std::size_t slots : {1U, 4U}) {
      DrawnUpdate drawn(kD, slots, 5);
      DivergingUpdate update(drawn, latest);
      try {
        (void)run(settings, plan, update, slots);
        FAIL() << "it has diverged";
      } catch (const NonFiniteError& e) {
        EXPECT_STREQ(e.what(), "worker 2") << latest << ", slots " << slots;
      }
    }
  }
}

TEST(Group, TiesByTheIndexAreTheDefinitionsToo) {
  for (const char* scheme : {"mv", "mv-ad"}) {
    const Settings settings = settings_of({"", scheme});
    ASSERT_EQ(settings.tie_break, TieBreaking::index);
    DrawnUpdate update(kD, 2, 5);
    const auto plan = plan_of(4);
    Definition definition(settings, std::vector<float>(kD, 1.0F));
    for (const Round& round : plan) definition.run(round, update);
    const Outcome result = run(settings, plan, update, 2);
    EXPECT_TRUE(same_bits(result.theta, definition.theta())) << scheme;
    for (std::uint32_t n = 0; n < settings.workers; ++n) {
      EXPECT_TRUE(same_bits(result.errors[n], definition.error(n))) << scheme << ", worker " << n;
    }
  }
}

/// Some ranks of a group whose other ranks are elsewhere. Through the interface, it looks like one
/// process of several.
class PartOfGroup final : public comm::Group {
 public:
  PartOfGroup(comm::Group& whole, std::vector<std::uint32_t> here)
      : Group(whole.workers()), whole_(&whole), here_(std::move(here)) {}

  [[nodiscard]] std::span<const std::uint32_t> here() const override { return here_; }
  [[nodiscard]] comm::Transport& end(std::uint32_t rank) override { return whole_->end(rank); }
  void fail(std::uint32_t rank, const std::string& reason) override { whole_->fail(rank, reason); }

 private:
  comm::Group* whole_;
  std::vector<std::uint32_t> here_;
};

/// Pauses end two stretches, one after the other. In each stretch every part has a thread, slots,
/// an update and a state of its own.
TEST_P(GroupOfScheme, IsTheSameInPartsThatShareNothingButTheGroup) {
  const std::vector<std::vector<std::uint32_t>> ranks = {{1}, {0, 2, 3}, {4}};
  comm::InprocGroup whole(4);
  std::vector<GroupState> states(ranks.size(), begin(settings_));
  std::vector<std::uint32_t> closed;
  for (const std::uint32_t stop : {3U, 6U}) {
    std::vector<std::jthread> parts;
    for (std::size_t p = 0; p < ranks.size(); ++p) {
      parts.emplace_back([&, p] {
        PartOfGroup part(whole, ranks[p]);
        Slots slots(1);
        DrawnUpdate update(kD, 1, 5, settings_);
        states[p] =
            run_group({.group = part,
                       .settings = settings_,
                       .rounds = plan_,
                       .update = update,
                       .slots = slots,
                       .on_closed = [&](const RoundRecord& r) { closed.push_back(r.round.t); },
                       .pause_after = [](const Round& round) { return round.t == 3; }},
                      std::move(states[p]));
      });
    }
    parts.clear();
    for (const GroupState& state : states) EXPECT_EQ(state.t, stop);
  }
  EXPECT_EQ(closed, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6}));
  const GroupState& servers = states.back();
  EXPECT_TRUE(same_bits(servers.server.theta, theta_));
  for (std::uint32_t n = 0; n < settings_.workers; ++n) {
    const WorkerState& own = states[n == 1 ? 0 : 1].workers[n];
    EXPECT_TRUE(same_bits(own.theta, theta_)) << "worker " << n;
    EXPECT_TRUE(same_bits(own.e, errors_[n])) << "worker " << n;
    // The server's part of the state, for a checkpoint.
    const WorkerState& part = servers.workers[n];
    EXPECT_TRUE(same_bits(part.e, errors_[n])) << "worker " << n;
    EXPECT_TRUE(same_bits(own.velocity, velocities_[n])) << "worker " << n;
    EXPECT_TRUE(same_bits(part.velocity, velocities_[n])) << "worker " << n;
    EXPECT_EQ(part.vote, own.vote) << "worker " << n;
    EXPECT_EQ(part.threshold, own.threshold) << "worker " << n;
  }
}

TEST(Group, WithNoRoundLeftIsRefused) {
  DrawnUpdate update(kD, 2, 5);
  GroupState state = begin(small_settings());
  state.t = 4;
  EXPECT_THROW((void)advance(std::move(state), small_settings(), small_plan(), update, 1),
               std::invalid_argument);
}

TEST(Group, ASparseRoundOfASchemeWithoutThemIsRefused) {
  DrawnUpdate update(kD, 2, 5);
  Settings settings = small_settings();
  settings.scheme = &scheme_named("dense");
  EXPECT_THROW((void)run(settings, small_plan(), update, 1), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Each, GroupOfScheme, testing::ValuesIn(kSchemeCases),
                         [](const testing::TestParamInfo<SchemeCase>& c) { return c.param.name; });

TEST(Group, EverySchemeAndQuantiserMovesTheModelDifferently) {
  std::set<std::vector<float>> models;
  for (const SchemeCase& c : kSchemeCases) {
    const Settings settings = settings_of(c);
    DrawnUpdate update(kD, 2, 5, settings);
    const Outcome result = run(settings, plan_of(6), update, 2);
    EXPECT_TRUE(models.insert(result.theta).second) << c.name;
  }
}

TEST(Group, SlotsDoNotEnterTheResult) {
  Settings settings = small_settings();
  settings.tie_break = TieBreaking::random;
  DrawnUpdate update(kD, 4, 6);
  const auto one = run(settings, small_plan(), update, 1);
  const auto four = run(settings, small_plan(), update, 4);
  EXPECT_EQ(one.theta, four.theta);
  EXPECT_EQ(one.errors, four.errors);
}

TEST(Group, ErrorMemoryIsRescaledWhenTheRateDecays) {
  Settings settings = small_settings();
  auto plan = small_plan();
  plan.resize(3);
  plan[2].decay = 0.1F;
  DrawnUpdate update(kD, 1, 7);
  const auto rescaled = run(settings, plan, update, 1);
  settings.overrides.error_rescale_on_decay = false;
  const auto kept = run(settings, plan, update, 1);
  EXPECT_NE(rescaled.errors, kept.errors);
  plan[2].decay = 1;
  settings.overrides.error_rescale_on_decay = true;
  EXPECT_EQ(run(settings, plan, update, 1).errors, kept.errors);
}

/// Drawn differences, but none in the last round.
class StillAtTheEnd final : public LocalUpdate {
 public:
  explicit StillAtTheEnd(std::uint32_t last) : last_(last) {}

  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker, const FlatView& theta,
                  LocalMemory memory) override {
    if (round.t == last_) return {.theta = theta};
    return drawn_.run(slot, round, worker, theta, memory);
  }

 private:
  std::uint32_t last_;
  DrawnUpdate drawn_{kD, 4, 12};
};

TEST(Group, ADecayLeavesATenthOfTheErrorWhereTheSchemeRescales) {
  for (const char* const scheme : {"mv", "mv-rs", "mv-ad", "top-k", "rand-k"}) {
    Settings settings = small_settings();
    settings.scheme = &scheme_named(scheme);
    auto plan = plan_of(4);
    plan[3].decay = 0.1F;
    StillAtTheEnd update(4);
    const auto after = run(settings, plan, update, 2).errors;
    plan.pop_back();
    const auto before = run(settings, plan, update, 2).errors;
    const bool rescales = settings.scheme->name() != "mv-ad" && settings.scheme->name() != "top-k";
    const std::size_t k = settings.phi.ceil_times(kD);
    for (std::uint32_t n = 0; n < settings.workers; ++n) {
      std::size_t sent = 0;
      for (std::size_t i = 0; i < kD; ++i) {
        const float kept = rescales ? 0.1F * before[n][i] : before[n][i];
        if (after[n][i] == kept) continue;
        EXPECT_EQ(after[n][i], 0.0F) << i;
        ++sent;
      }
      EXPECT_GT(sent, 0U);
      EXPECT_LE(sent, k);
    }
  }
}

TEST(Group, SumIsNTimesTheMeanOfADenseRound) {
  Settings settings = small_settings();  // N = 4, so the division is exact
  std::vector<Round> plan = small_plan();
  plan.resize(1);
  DrawnUpdate update(kD, 1, 8);
  const auto mean = run(settings, plan, update, 1);
  settings.aggregation = Aggregation::sum;
  const auto sum = run(settings, plan, update, 1);
  EXPECT_NE(mean.theta, sum.theta);
  for (std::size_t i = 0; i < kD; ++i) {
    // theta = 1 + x is rounded once; |x| is at most 4.
    EXPECT_NEAR(sum.theta[i] - 1.0F, 4 * (mean.theta[i] - 1.0F), 4e-6F) << i;
  }
}

TEST(Group, TellsOverlapsFromTheSecondSparseRoundOnAndAgreementFromTheFirst) {
  DrawnUpdate update(kD, 2, 9);
  Observers observers;
  observers.on_closed = [](const RoundRecord& record) {
    EXPECT_EQ(record.mask_overlap.has_value(), record.round.t >= 3) << record.round.t;
    EXPECT_EQ(record.vote_agreement.has_value(), record.round.t >= 2) << record.round.t;
  };
  (void)run(small_settings(), small_plan(), update, 2, observers);
}

/// Fails in one worker's third round.
class FailingUpdate final : public LocalUpdate {
 public:
  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker, const FlatView& theta,
                  LocalMemory memory) override {
    if (worker == 2 && round.t == 3) throw NonFiniteError("round 3, worker 2: it went wrong");
    return drawn_.run(slot, round, worker, theta, memory);
  }

 private:
  DrawnUpdate drawn_{kD, 4, 10};
};

TEST(Group, OneWorkersFailureEndsTheRunWithItsOwnWords) {
  FailingUpdate update;
  try {
    (void)run(small_settings(), small_plan(), update, 4);
    FAIL() << "nothing was thrown";
  } catch (const NonFiniteError& e) {
    EXPECT_THAT(e.what(), HasSubstr("worker 2: it went wrong"));
  }
}

TEST(Group, AServersFailureEndsTheWorkersWaits) {
  DrawnUpdate update(kD, 2, 11);
  Observers observers;
  observers.on_closed = [](const RoundRecord& record) {
    if (record.round.t == 2) throw CheckFailed("round 2");
  };
  EXPECT_THROW((void)run(small_settings(), small_plan(), update, 2, observers), CheckFailed);
}

}  // namespace
}  // namespace mvsgd::sim
