// The account and its rates.
#include "sim/law/account.hpp"
#include "sim/plan/scheme.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>

#include "sim/law/audit.hpp"
#include "sim/plan/presets.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint64_t kD = 11'173'962;
constexpr std::uint64_t kBuffers = 9'600;

/// The account of a whole run of `preset_name` whose bits are the law's.
Account account_of(const char* preset_name) {
  Settings settings = preset(preset_name).settings;
  settings.workers = 2;  // rates do not depend on it
  settings.epochs = 60;  // 79 steps each, so that the warm-up is 79 steps without rounding
  const Audit audit({}, settings, kD, kBuffers);
  Account account(kD, settings.workers);
  std::vector<Round> rounds = schedule(settings, 10'000);
  rounds.insert(rounds.begin(), Round());
  for (const Round& round : rounds) {
    std::vector<comm::LedgerRow> rows;
    for (std::uint32_t n = 0; n < settings.workers; ++n) {
      const auto own = audit.expected(round, n);
      rows.insert(rows.end(), own.begin(), own.end());
    }
    account.add(round, rows);
  }
  return account;
}

TEST(Account, Table1sRatesOfTheVotingRows) {
  // With H = 1 every round has the same number of steps.
  const Rates rates = account_of("ssgd-mv").rates();
  EXPECT_NEAR(*rates.uplink, 78.05, 0.005);
  EXPECT_NEAR(*rates.both_ways, 78.05, 0.005);
}

TEST(Account, WholeRunCountsFiveDenseEpochsOf300) {
  // A 60th of the steps is dense: 1 / (1/60 + 59/60 / 78.05) = 34.2. Headers and buffers cost less
  // than 0.5 % here.
  const Rates rates = account_of("ssgd-mv").rates();
  EXPECT_NEAR(*rates.run_uplink, 34.2, 0.1);
  EXPECT_NEAR(*rates.run_both_ways, 34.2, 0.2);
  EXPECT_LT(*rates.run_both_ways, *rates.run_uplink);  // the initial model
}

/// A row of Table 1: its rates, and those of a run whose first 5 epochs of 300 are dense.
struct Row {
  const char* name;
  double up;
  double down;
  double both_ways;
  double run_up;
  double run_both_ways;
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

class AccountOfRow : public testing::TestWithParam<Row> {
 protected:
  /// The account of a run as Table 1 counts it. 60 epochs have 16 steps each, so that 16 steps are
  /// dense and every sparse round has all its H. AD's lists and top-K's unions are as long as they
  /// can be. The initial model and buffers, which the paper does not count, are left out.
  static Account account_of(const Settings& row) {
    Settings settings = row;
    settings.epochs = 60;
    const Audit audit({}, settings, kD, kBuffers);
    const RoundSizes sizes{.union_size = 1'117'400,
                           .changes = std::vector<std::uint32_t>(settings.workers, 11'174),
                           .coded_bits = {}};
    Account account(kD, settings.workers);
    for (Round round : schedule(settings, 10'240)) {
      round.evaluate = false;
      std::vector<comm::LedgerRow> rows;
      for (std::uint32_t n = 0; n < settings.workers; ++n) {
        const auto own = audit.expected(round, n, sizes);
        rows.insert(rows.end(), own.begin(), own.end());
      }
      account.add(round, rows);
    }
    return account;
  }
  static double counted(const Account& account, comm::Direction direction) {
    const comm::FieldBits& bits = account.sparse_round(direction);
    return static_cast<double>((bits[comm::Field::positions] + bits[comm::Field::values]).count());
  }

  Settings settings_ = preset(GetParam().name).settings;
  Account account_ = account_of(settings_);
};

// The table gives its numbers to one decimal.
constexpr double kRounding = 0.0501;

TEST_P(AccountOfRow, ASparseRoundHasTheRatesOfTable1) {
  const double dense = 32.0 * kD * settings_.local_steps;
  const double up = counted(account_, comm::Direction::up);
  const double down = counted(account_, comm::Direction::down);
  EXPECT_NEAR(dense / up, GetParam().up, kRounding);
  EXPECT_NEAR(dense / down, GetParam().down, kRounding);
  EXPECT_NEAR(2 * dense / (up + down), GetParam().both_ways, kRounding);
}

TEST_P(AccountOfRow, ItsSparseRoundsHaveThatRateButForAdsFirstVote) {
  const double dense = 32.0 * kD * settings_.local_steps;
  const double up = counted(account_, comm::Direction::up);
  const double down = counted(account_, comm::Direction::down);
  // A whole vote instead of two lists of K_ad.
  const double more = settings_.scheme->name() == "mv-ad" ? 1'005'660 - 268'176 : 0;
  const double rounds = account_.sparse_rounds();
  const Rates rates = account_.rates();
  EXPECT_DOUBLE_EQ(*rates.uplink, dense / (up + more / rounds));
  EXPECT_DOUBLE_EQ(*rates.both_ways, 2 * dense / (up + down + more / rounds));
}

TEST_P(AccountOfRow, TheWholeRunCountsFiveDenseEpochsOf300) {
  ASSERT_EQ(account_.dense_rounds(), 16U);
  ASSERT_EQ(account_.sparse_rounds(), 944U / settings_.local_steps);
  const Rates rates = account_.rates();
  // Headers, padding, level means and AD's first vote lower the rates by at most 0.02.
  EXPECT_NEAR(*rates.run_uplink, GetParam().run_up, kRounding + 0.02);
  EXPECT_NEAR(*rates.run_both_ways, GetParam().run_both_ways, kRounding + 0.02);
}

std::string row_name(const testing::TestParamInfo<Row>& row) {
  std::string name = row.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table1, AccountOfRow,
                         testing::Values(Row{"ssgd-mv", 78.05, 78.05, 78.05, 34.2, 34.2},
                                         Row{"ssgd-mv-l2", 156.1, 156.1, 156.1, 43.5, 43.5},
                                         Row{"ssgd-mv-l4", 312.2, 312.2, 312.2, 50.5, 50.5},
                                         Row{"ssgd-mv-rs-l4", 312.2, 312.2, 312.2, 50.5, 50.5},
                                         Row{"ssgd-mv-l8", 624.4, 624.4, 624.4, 54.8, 54.8},
                                         Row{"ssgd-mv-rs-l8", 624.4, 624.4, 624.4, 54.8, 54.8},
                                         Row{"ssgd-mv-l8-q", 1969.2, 624.4, 948.1, 58.3, 56.5},
                                         Row{"ssgd-mv-ad", 93.02, 78.05, 84.9, 36.7, 35.4},
                                         Row{"ssgd-mv-ad-l2", 186.0, 156.1, 169.8, 45.6, 44.5},
                                         Row{"ssgd-mv-ad-l4", 372.1, 312.2, 339.5, 51.8, 51.1},
                                         Row{"ssgd-mv-ad-l4-q", 2000, 312.2, 540.1, 58.3, 54.1},
                                         Row{"ssgd-mv-ad-l8", 744.2, 624.4, 679.0, 55.6, 55.2},
                                         Row{"ssgd-mv-ad-l8-q", 4000, 624.4, 1080.2, 59.1, 56.9},
                                         Row{"top-k", 78.05, 8.42, 15.2, 34.2, 12.3}),
                         row_name);

TEST(Account, RatesCountTheStepsThatAreTakenAndTheDownlinkOfAll) {
  Settings settings = preset("ssgd-mv").settings;
  settings.workers = 4;
  settings.participation = 1;
  const Audit audit({}, settings, kD, 0);
  Account account(kD, settings.workers);
  for (const Round& round : plain_rounds(2, 3, 3)) {
    std::vector<comm::LedgerRow> rows;
    for (std::uint32_t n = 0; n < settings.workers; ++n) {
      const auto own = audit.expected(round, n);
      rows.insert(rows.end(), own.begin(), own.end());
    }
    account.add(round, rows);
    // That of a worker that has sent, whoever it is.
    if (round.dense) continue;
    EXPECT_EQ(account.sparse_round(comm::Direction::up)[comm::Field::positions].count(),
              1'005'660U);
  }
  // Of three sparse rounds all four workers take part in the first, one in each of the others; mask
  // and aggregate go to four in each.
  constexpr double kMessages = 1'005'660 + 3'575'680;
  constexpr double kStep = 32.0 * kD;
  const Rates rates = account.rates();
  EXPECT_DOUBLE_EQ(*rates.uplink, 6 * kStep / (6 * kMessages));
  EXPECT_DOUBLE_EQ(*rates.both_ways, 2 * 6 * kStep / ((6 + 12) * kMessages));
  const double up = static_cast<double>(account.total(comm::Direction::up).count());
  EXPECT_DOUBLE_EQ(*rates.run_uplink, 8 * kStep / up);
  EXPECT_EQ(account.sums().dense_absent, 6U);
  EXPECT_EQ(account.sums().sparse_absent, 6U);
}

// Two workers, a sparse round: each sends 100 bits up and 300 across, and receives 60 and the 300.
TEST(Account, WhatWorkersSendEachOtherIsUplinkOfOneAndDownlinkOfAnother) {
  Account account(1000, 2);
  std::vector<comm::LedgerRow> rows;
  const auto add = [&](std::uint32_t worker, comm::Direction way, comm::Kind kind,
                       comm::Field field, std::uint64_t bits) {
    rows.push_back({.id = {.round = 1, .worker = worker, .direction = way, .kind = kind},
                    .field = field,
                    .bits = comm::Bits(bits)});
  };
  for (const std::uint32_t n : {0U, 1U}) {
    add(n, comm::Direction::up, comm::Kind::vote, comm::Field::positions, 100);
    add(n, comm::Direction::down, comm::Kind::mask, comm::Field::positions, 60);
    add(n, comm::Direction::across, comm::Kind::reduce, comm::Field::values, 200);
    add(n, comm::Direction::across, comm::Kind::reduce, comm::Field::header, 40);
    add(n, comm::Direction::across, comm::Kind::gather, comm::Field::values, 100);
  }
  account.add({.t = 1, .steps = 1}, rows);
  const Rates rates = account.rates();
  EXPECT_DOUBLE_EQ(*rates.uplink, 32'000.0 / (100 + 300));
  EXPECT_DOUBLE_EQ(*rates.both_ways, 64'000.0 / (100 + 60 + 2 * 300));
  EXPECT_DOUBLE_EQ(*rates.run_uplink, 32'000.0 / (100 + 340));
  EXPECT_DOUBLE_EQ(*rates.run_both_ways, 64'000.0 / (100 + 60 + 2 * 340));
  EXPECT_EQ(account.total(comm::Direction::across), comm::Bits(2 * 340));
  EXPECT_EQ(account.sparse_round(comm::Direction::across)[comm::Field::values], comm::Bits(300));
}

TEST(Account, DenseRunsHaveNoSparseRate) {
  const Rates rates = account_of("dense").rates();
  EXPECT_FALSE(rates.uplink.has_value());
  EXPECT_NEAR(*rates.run_uplink, 1.0, 1e-3);
}

TEST(Account, SparseRoundIsOneWorkersShare) {
  const Account account = account_of("ssgd-mv-l4");
  for (const auto direction : {comm::Direction::up, comm::Direction::down}) {
    EXPECT_EQ(account.sparse_round(direction)[comm::Field::positions], comm::Bits(1'005'660));
    EXPECT_EQ(account.sparse_round(direction)[comm::Field::values], comm::Bits(3'575'680));
  }
}

}  // namespace
}  // namespace mvsgd::sim
