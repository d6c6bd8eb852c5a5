// The audit of ledger rows.
#include "sim/audit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/presets.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

class AuditOfOneRound : public testing::Test {
 protected:
  AuditOfOneRound() {
    settings_.workers = 2;
    round_.t = 3;
    round_.steps = 1;
    round_.full_vote = true;
    round_.evaluate = true;
    for (std::uint32_t n = 0; n < 2; ++n) {
      for (const auto& row : audit().expected(round_, n)) rows_.push_back(row);
    }
  }
  [[nodiscard]] Audit audit() const { return {{}, settings_, 10'000, 12}; }
  [[nodiscard]] std::string refusal() const {
    try {
      audit().check(round_, rows_);
    } catch (const CheckFailed& e) {
      return e.what();
    }
    return "agrees";
  }

  Settings settings_ = preset("ssgd-mv").settings;
  Round round_;
  std::vector<comm::LedgerRow> rows_;
};

TEST_F(AuditOfOneRound, AgreesWithTheLaw) { EXPECT_EQ(refusal(), "agrees"); }

TEST_F(AuditOfOneRound, HasVoteUpdateBuffersMaskAndAggregate) {
  comm::Bits positions;
  comm::Bits buffers;
  for (const auto& row : rows_) {
    if (row.field == comm::Field::positions) positions += row.bits;
    if (row.field == comm::Field::bn_buffers) buffers += row.bits;
  }
  // d = 10,000, K = B = 100: 8 bits a position and 100 block ends, twice a worker.
  EXPECT_EQ(positions, comm::Bits(4 * 900));
  EXPECT_EQ(buffers, comm::Bits(2 * 12 * 32));
}

TEST_F(AuditOfOneRound, OneBitMoreIsNamed) {
  rows_[3].bits += comm::Bits(1);
  EXPECT_THAT(refusal(), HasSubstr("round 3, worker 0, up"));
}

TEST_F(AuditOfOneRound, AMissingRowIsNamed) {
  rows_.pop_back();
  EXPECT_THAT(refusal(), HasSubstr("round 3, worker 1, down aggregate"));
}

TEST_F(AuditOfOneRound, ASurplusRowIsNamed) {
  rows_.push_back(rows_.back());
  EXPECT_THAT(refusal(), HasSubstr("do not have"));
}

TEST(Audit, SmSendsNothing) {
  const Audit audit({}, preset("sm").settings, 10'000, 12);
  Round round;
  round.t = 1;
  round.evaluate = true;
  EXPECT_TRUE(audit.expected(round, 0).empty());
  EXPECT_TRUE(audit.expected(Round(), 0).empty());
}

}  // namespace
}  // namespace mvsgd::sim
