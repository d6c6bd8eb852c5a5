// The account and its rates.
#include "sim/account.hpp"

#include <gtest/gtest.h>

#include "sim/audit.hpp"
#include "sim/presets.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint64_t kD = 11'173'962;
constexpr std::uint64_t kBuffers = 9'600;

/// The account of a whole run of `preset_name` as the law gives it.
Account account_of(const char* preset_name) {
  Settings settings = preset(preset_name).settings;
  settings.workers = 2;  // rates do not depend on it
  settings.epochs = 60;  // 79 steps each: the warm-up is 79 steps, without rounding
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
  // H = 1 divides the steps, so every round is a full one.
  const Rates rates = account_of("ssgd-mv").rates();
  EXPECT_NEAR(*rates.uplink, 78.05, 0.005);
  EXPECT_NEAR(*rates.both_ways, 78.05, 0.005);
}

TEST(Account, WholeRunCountsFiveDenseEpochsOf300) {
  // facts: 34.2 when 5 of 300 epochs are dense; headers and buffers cost under 0.5 % here.
  const Rates rates = account_of("ssgd-mv").rates();
  EXPECT_NEAR(*rates.run_uplink, 34.2, 0.1);
  EXPECT_NEAR(*rates.run_both_ways, 34.2, 0.2);
  EXPECT_LT(*rates.run_both_ways, *rates.run_uplink);  // the initial model
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
