// The time of a run over a network, computed by hand from its bits, links and processor time.
#include "sim/report/network_times.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "nn/resnet18.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/participation.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/report/seed_groups.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

using comm::Direction;
using comm::Field;
using comm::Kind;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

/// The legs of round `t` of a scheme's preset.
std::vector<std::vector<Kind>> legs_of(const std::string& preset_name, std::uint32_t t,
                                       bool evaluate = false) {
  const Settings settings = small_settings(preset_name);
  const auto d =
      static_cast<std::uint64_t>(nn::resnet18_parameters({.width = settings.width}).size());
  Round round{.t = t, .dense = t == 1, .first_sparse = t == 2, .evaluate = evaluate};
  std::vector<std::vector<Kind>> kinds;
  for (const Leg& leg : legs(round_shape(settings, dimensions(settings, d, 0), round))) {
    kinds.push_back(leg.kinds);
  }
  return kinds;
}

TEST(Legs, AreInTheOrderOfTheProtocol) {
  using Kinds = std::vector<Kind>;
  EXPECT_THAT(legs_of("ssgd-mv", 0), ElementsAre(Kinds{Kind::model}));
  EXPECT_THAT(legs_of("ssgd-mv", 1), ElementsAre(Kinds{Kind::dense}, Kinds{Kind::aggregate}));
  EXPECT_THAT(legs_of("ssgd-mv", 2), ElementsAre(Kinds{Kind::vote}, Kinds{Kind::mask},
                                                 Kinds{Kind::update}, Kinds{Kind::aggregate}));
  EXPECT_THAT(legs_of("ssgd-mv-ad-l2", 3),
              ElementsAre(Kinds{Kind::add, Kind::drop}, Kinds{Kind::mask}, Kinds{Kind::update},
                          Kinds{Kind::aggregate}));
  // Top-K's values are at a worker's own support, so they go with it. The union of all comes back.
  EXPECT_THAT(legs_of("top-k", 2),
              ElementsAre(Kinds{Kind::vote, Kind::update}, Kinds{Kind::mask, Kind::aggregate}));
  EXPECT_THAT(legs_of("sm", 2), IsEmpty());
}

TEST(Legs, OfARingAreBehindTheMask) {
  using Kinds = std::vector<Kind>;
  Settings settings = small_settings("ssgd-mv");
  settings.aggregate = AggregatedBy::reduce;
  const auto legs_of_round = [&](std::uint32_t absent) {
    std::vector<Kinds> kinds;
    for (const Leg& leg : legs(round_shape(settings, dimensions(settings, 100, 0),
                                           {.t = 2, .first_sparse = true, .absent = absent}))) {
      kinds.push_back(leg.kinds);
    }
    return kinds;
  };
  settings.workers = 3;
  EXPECT_THAT(legs_of_round(0),
              ElementsAre(Kinds{Kind::vote}, Kinds{Kind::mask}, Kinds{Kind::reduce, Kind::gather}));
  EXPECT_THAT(legs_of_round(1),
              ElementsAre(Kinds{Kind::vote}, Kinds{Kind::mask}, Kinds{Kind::reduce, Kind::gather},
                          Kinds{Kind::aggregate}));
}

TEST(Legs, OfAnEvaluationEndWithTheBuffers) {
  EXPECT_EQ(legs_of("ssgd-mv", 2, true).back(), std::vector<Kind>{Kind::buffers});
}

/// Two workers and two rounds: a dense one of one step and a sparse one of four.
class NetworkTimes : public testing::Test {
 protected:
  NetworkTimes() {
    run_.history.settings = small_settings("ssgd-mv-l4");
    RoundHistory dense;
    dense.round = 1;
    dense.local_steps = 1;
    dense.phases = {.local_steps = 2, .vote = 0, .exchange = 0.5, .server = 0.25};
    RoundHistory sparse;
    sparse.round = 2;
    sparse.local_steps = 4;
    sparse.phases = {.local_steps = 8, .vote = 1, .exchange = 1, .server = 0.5};
    run_.history.rounds = {dense, sparse};
    for (const std::uint32_t n : {0U, 1U}) {
      add(0, n, Direction::down, Kind::model, Field::initial_model, 4000);
      add(1, n, Direction::up, Kind::dense, Field::values, 4000);
      add(1, n, Direction::down, Kind::aggregate, Field::values, 4000);
      add(2, n, Direction::up, Kind::vote, Field::positions, 90);
      add(2, n, Direction::up, Kind::vote, Field::header, 10);
      add(2, n, Direction::up, Kind::update, Field::values, 200);
      add(2, n, Direction::down, Kind::mask, Field::positions, 50);
      add(2, n, Direction::down, Kind::aggregate, Field::values, 400);
    }
    std::ranges::stable_sort(run_.rows, {}, [](const auto& row) { return row.id.round; });
  }

  void add(std::uint32_t round, std::uint32_t worker, Direction way, Kind kind, Field field,
           std::uint64_t bits) {
    run_.rows.push_back({.id = {.round = round, .worker = worker, .direction = way, .kind = kind},
                         .field = field,
                         .bits = comm::Bits(bits)});
  }

  /// The network's seconds of the three rounds, round 0 included.
  [[nodiscard]] std::vector<double> network_seconds(const Network& network) const {
    std::vector<double> seconds;
    for (const NetworkTime& time : network_times(run_, network)) seconds.push_back(time.network);
    return seconds;
  }

  RunWithRows run_;
  /// 100 bits a second up, 1000 down, a tenth of a second of latency.
  Network network_{.name = "slow",
                   .worker = {.rate = {100, 1000}, .latency = 0.1},
                   .unlike = {},
                   .server = {},
                   .overhead = 0};
};

TEST_F(NetworkTimes, AreLatencyAndBitsOverRateOfEachLeg) {
  EXPECT_THAT(network_seconds(network_),
              ElementsAre(testing::DoubleEq(0.1 + 4),                // model
                          testing::DoubleEq(0.1 + 40 + 0.1 + 4),     // dense, aggregate
                          testing::DoubleEq(0.1 + 1 + 0.1 + 0.05 +   // vote, mask
                                            0.1 + 2 + 0.1 + 0.4)));  // update, aggregate
}

// Of two workers each sends the other a block of 100 bits and then a sum of as many, a step after
// the other: each step takes both latencies.
TEST_F(NetworkTimes, BlocksGoAroundARingStepAfterStep) {
  run_.history.settings.aggregate = AggregatedBy::reduce;
  std::erase_if(run_.rows, [](const comm::LedgerRow& row) {
    return row.id.round == 2 && (row.id.kind == Kind::update || row.id.kind == Kind::aggregate);
  });
  for (const std::uint32_t n : {0U, 1U}) {
    add(2, n, Direction::across, Kind::reduce, Field::values, 100);
    add(2, n, Direction::across, Kind::gather, Field::values, 100);
  }
  EXPECT_DOUBLE_EQ(network_seconds(network_)[2],
                   0.1 + 1 + 0.1 + 0.05 + 2 * (0.1 + 0.1 + 1));  // vote, mask, ring
  Link slow_down = network_.worker;
  slow_down.rate[Direction::down] = 10;  // what comes from worker 0
  slow_down.latency = 0.3;
  network_.unlike = {{1, slow_down}};
  EXPECT_DOUBLE_EQ(network_seconds(network_)[2], 0.3 + 1 + 0.3 + 5 + 2 * (0.1 + 0.3 + 10));
}

TEST_F(NetworkTimes, ComputingIsAWorkersPartAndTheServers) {
  const auto times = network_times(run_, network_);
  EXPECT_EQ(times[0].compute, 0);
  EXPECT_DOUBLE_EQ(times[1].compute, (2 + 0.5) / 2 + 0.25);
  EXPECT_DOUBLE_EQ(times[2].compute, (8 + 1 + 1) / 2. + 0.5);
  EXPECT_DOUBLE_EQ(times[2].total(), times[2].compute + times[2].network);
}

TEST_F(NetworkTimes, AWaitForTheSlowestIsInEachLeg) {
  Link slow_up = network_.worker;
  slow_up.rate[Direction::up] = 10;
  network_.unlike[1] = slow_up;
  EXPECT_DOUBLE_EQ(network_seconds(network_)[2], 0.1 + 10 + 0.1 + 0.05 + 0.1 + 20 + 0.1 + 0.4);
}

TEST_F(NetworkTimes, TheServersLinkCarriesAllMessages) {
  network_.server[Direction::down] = 50;  // of 2 x 100 bits of votes, 2 x 200 of values
  EXPECT_DOUBLE_EQ(network_seconds(network_)[2], 0.1 + 4 + 0.1 + 0.05 + 0.1 + 8 + 0.1 + 0.4);
  network_.server[Direction::down] = 1e9;  // the workers' own links are slower
  EXPECT_DOUBLE_EQ(network_seconds(network_)[2], 3.85);
  network_.server[Direction::up] = 80;  // of 2 x 50 bits of masks, 2 x 400 of values
  EXPECT_DOUBLE_EQ(network_seconds(network_)[2],
                   0.1 + 1 + 0.1 + 100. / 80 + 0.1 + 2 + 0.1 + 800. / 80);
}

TEST_F(NetworkTimes, TheServersLinkIsBusyFromTheNearestWorkersFirstBitOn) {
  Link far = network_.worker;
  far.latency = 0.3;
  network_.unlike[1] = far;
  network_.server[Direction::down] = 50;
  EXPECT_DOUBLE_EQ(network_seconds(network_)[2], 0.1 + 4 + 0.3 + 0.05 + 0.1 + 8 + 0.3 + 0.4);
}

// With a quarter of each message beside it, what takes bits over a rate takes 1.25 times as long.
TEST_F(NetworkTimes, LinksCarryTheOverheadOfEachMessage) {
  network_.overhead = 0.25;
  EXPECT_DOUBLE_EQ(network_seconds(network_)[2], 4 * 0.1 + 1.25 * (1 + 0.05 + 2 + 0.4));
  network_.server[Direction::down] = 50;
  EXPECT_DOUBLE_EQ(network_seconds(network_)[2], 4 * 0.1 + 1.25 * (4 + 0.05 + 8 + 0.4));
  for (const std::uint32_t n : {0U, 1U}) {
    add(2, n, Direction::across, Kind::reduce, Field::values, 100);
    add(2, n, Direction::across, Kind::gather, Field::values, 100);
  }
  std::erase_if(run_.rows, [](const comm::LedgerRow& row) {
    return row.id.round == 2 && (row.id.kind == Kind::update || row.id.kind == Kind::aggregate);
  });
  run_.history.settings.aggregate = AggregatedBy::reduce;
  EXPECT_DOUBLE_EQ(network_seconds(network_)[2],
                   0.1 + 1.25 * 4 + 0.1 + 1.25 * 0.05 + 2 * (0.2 + 1.25 * 1));
}

TEST_F(NetworkTimes, ALedgerOfSumsIsTheSame) {
  const auto of_workers = network_seconds(network_);
  std::erase_if(run_.rows, [](const auto& row) { return row.id.worker == 1; });
  for (comm::LedgerRow& row : run_.rows) row.bits = comm::Bits(2 * row.bits.count());
  run_.history.settings.ledger_rows = LedgerRows::round;
  const auto of_sums = network_seconds(network_);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_DOUBLE_EQ(of_sums[i], of_workers[i]);
}

TEST_F(NetworkTimes, OfARoundWithAbsentWorkersAreOfThoseThatTakePart) {
  run_.history.settings.participation =
      1;  // of two: in the dense round, not in the first sparse one
  const std::uint32_t absent =
      1 - participants(run_.history.settings, schedule(run_.history.settings, 64)[0]).front();
  const auto of_all = network_seconds(network_);
  std::erase_if(run_.rows, [&](const comm::LedgerRow& row) {
    return row.id.kind == Kind::dense && row.id.worker == absent;
  });
  const auto of_workers = network_seconds(network_);
  EXPECT_EQ(of_workers, of_all);  // nobody waits for another
  const auto times = network_times(run_, network_);
  EXPECT_DOUBLE_EQ(times[1].compute, (2 + 0.5) / 1 + 0.25);
  EXPECT_DOUBLE_EQ(times[2].compute, (8 + 1 + 1) / 2. + 0.5);
  const NetworkTime dense = dense_network_time(run_, network_);
  EXPECT_DOUBLE_EQ(dense.compute, 2 / 1. + 8 / 2.);

  Network other = network_;
  other.unlike[absent] = {.rate = {10, 1000}, .latency = 0.1};
  const double bits = 32 * static_cast<double>(nn::resnet18_parameters({.width = 2}).size()) + 192;
  const double down = 0.1 + bits / 1000;
  EXPECT_NEAR(dense_network_time(run_, other).network,
              down + (0.1 + bits / 100 + down) + 4 * (0.1 + bits / 10 + down), 1e-9 * bits);

  std::erase_if(run_.rows, [](const comm::LedgerRow& row) {
    return row.id.worker == 1 && row.id.kind != Kind::dense;
  });
  for (comm::LedgerRow& row : run_.rows) {
    if (row.id.kind != Kind::dense) row.bits = comm::Bits(2 * row.bits.count());
    row.id.worker = 0;
  }
  run_.history.settings.ledger_rows = LedgerRows::round;
  const auto of_sums = network_seconds(network_);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_DOUBLE_EQ(of_sums[i], of_workers[i]);
  // What the one sends is all that the server's link carries up.
  network_.server[Direction::down] = 80;
  EXPECT_DOUBLE_EQ(network_seconds(network_)[1], 0.1 + 50 + 0.1 + 4);
}

// Who takes part in a sum has it already.
TEST_F(NetworkTimes, WhatALedgerOfSumsHasForTheAbsentOfARingIsNotDividedAmongAll) {
  run_.history.settings.participation = 1;
  run_.history.settings.aggregate = AggregatedBy::reduce;
  run_.history.settings.ledger_rows = LedgerRows::round;
  std::erase_if(run_.rows, [](const comm::LedgerRow& row) { return row.id.round > 0; });
  add(1, 0, Direction::down, Kind::aggregate, Field::values, 4000);
  EXPECT_DOUBLE_EQ(network_seconds(network_)[1], 0.1 + 4);
}

TEST_F(NetworkTimes, MoveTheRoundsToWhenTheyWouldEnd) {
  const auto times = network_times(run_, network_);
  move_to(network_, run_);
  EXPECT_DOUBLE_EQ(run_.history.rounds[0].seconds, times[0].total() + times[1].total());
  EXPECT_DOUBLE_EQ(run_.history.rounds[1].seconds,
                   times[0].total() + times[1].total() + times[2].total());
}

TEST_F(NetworkTimes, DenseSgdSendsEveryFloatInEveryStep) {
  const auto d = static_cast<double>(nn::resnet18_parameters({.width = 2}).size());
  const double bits = 32 * d + 192;
  const NetworkTime dense = dense_network_time(run_, network_);
  EXPECT_DOUBLE_EQ(dense.compute, 2 / 2. + 8 / 2.);
  EXPECT_NEAR(dense.network, (0.1 + bits / 1000) + 5 * (0.1 + bits / 100 + 0.1 + bits / 1000),
              1e-9 * dense.network);
}

TEST_F(NetworkTimes, BreakEvenIsWhereDenseSgdTakesAsLong) {
  Network unlike = network_;
  unlike.unlike[1] = {.rate = {10, 1000}, .latency = 0.1};
  Network of_server = network_;
  of_server.server = {50, 80};
  for (const Network& network : {network_, unlike, of_server}) {
    // 9.5 s of computing with few bits to send, against 5 s with many.
    const double factor = break_even(run_, network);
    ASSERT_GT(factor, 1e-3);
    ASSERT_LT(factor, 1e6);
    const auto difference = [&](double at) {
      Network other = network;
      for (const Direction way : comm::kServerDirections) {
        other.worker.rate[way] *= at;
        for (auto& [n, link] : other.unlike) link.rate[way] *= at;
        if (other.server[way]) *other.server[way] *= at;
      }
      double seconds = 0;
      for (const NetworkTime& time : network_times(run_, other)) seconds += time.total();
      return seconds - dense_network_time(run_, other).total();
    };
    EXPECT_LT(difference(factor / 1.001), 0);
    EXPECT_GT(difference(factor * 1.001), 0);
  }
}

TEST_F(NetworkTimes, ARunThatComputesNoMoreIsFasterAtAnyRate) {
  for (RoundHistory& round : run_.history.rounds) {
    round.phases = {.local_steps = 1, .vote = 0, .exchange = 0, .server = 0};
  }
  EXPECT_TRUE(std::isinf(break_even(run_, network_)));
}

TEST_F(NetworkTimes, AnUplinkThatIsFasterThanAnyThatCanBeGivenIsAny) {
  for (RoundHistory& round : run_.history.rounds) {
    round.phases = {.local_steps = 0, .vote = 3e-14, .exchange = 0, .server = 0};
  }
  network_.worker = {.rate = {1e15, 1e15}, .latency = 0};
  const double uplink = 1e15 * break_even(run_, network_);
  ASSERT_TRUE(std::isfinite(uplink));
  ASSERT_GT(uplink, 0x1p64);
  std::ostringstream table;
  write_network_table(table, std::span(&run_, 1), network_);
  EXPECT_THAT(table.str(), EndsWith(" any\n"));
}

TEST_F(NetworkTimes, ARowOrARoundThatIsNoneOfTheRunsIsRefusedWithItsPlace) {
  run_.history.path = "run";
  const auto refusal = [&] { (void)network_times(run_, network_); };
  const auto says = [](const std::string& what) {
    return testing::ThrowsMessage<InputError>(testing::Eq("run/" + what));
  };
  const auto rows = run_.rows;
  run_.rows.back().id.worker = 2;
  EXPECT_THAT(refusal, says("ledger.csv:17: worker 2 in a run of 2"));
  run_.rows = rows;
  run_.rows.back().id.round = 1;
  EXPECT_THAT(refusal, says("ledger.csv:17: round 1 after round 2"));
  run_.rows = rows;
  run_.history.rounds.back().round = 1000;
  const auto planned = std::to_string(
      schedule(run_.history.settings, training_images(run_.history.settings)).size());
  EXPECT_THAT(refusal, says("metrics.jsonl: round 1000 in a run of " + planned));
}

TEST_F(NetworkTimes, ACondensedRunIsRefused) {
  run_.history.rounds[1].rounds = 10;
  EXPECT_THROW((void)network_times(run_, network_), InputError);
}

TEST(ReportOverANetwork, PrintsALineARunAndItsCurvesAreAgainstThatTime) {
  const TestDirectory directory;
  const auto path = directory.path() / "run";
  train_into(path, small_settings("ssgd-mv-l4"));
  const std::string csv = (directory.path() / "r.csv").string();
  const Outcome outcome =
      run({"report", path.string(), "--network", "1k/1k/1s", "--format", "csv", "--out", csv});
  EXPECT_EQ(outcome.code, Exit::good) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("uplink below which it is faster\n" + path.string()));
  RunWithRows moved = read_run_with_rows(path);
  move_to(read_network("1k/1k/1s"), moved);
  std::ostringstream want;
  write_csv(want, seed_groups({moved.history}));
  EXPECT_EQ(text_of(csv), want.str());
  const auto unlike = directory.path() / "unlike.toml";
  std::ofstream(unlike) << "[worker.10]\nup = \"1M\"\n";
  EXPECT_THAT(run({"report", path.string(), "--network", unlike.string(), "--out", csv}).err,
              HasSubstr("unlike.toml: worker.10: no run has it; their workers are 0 to "));
  EXPECT_EQ(run({"report", path.string(), "--network", "lan", "--out", "none/of/these.csv"}).out,
            "");
  const Outcome figure =
      run({"report", path.string(), "--network", "lan", "--figure", "--out", csv});
  EXPECT_EQ(figure.code, Exit::usage);
}

}  // namespace
}  // namespace mvsgd::sim
