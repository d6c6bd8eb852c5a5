// The audit of ledger rows.
#include "sim/law/audit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/law/check_failed.hpp"
#include "sim/plan/presets.hpp"
#include "tests/sim/law/audit_of_sizes.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

class AuditOfOneRound : public testing::Test {
 protected:
  AuditOfOneRound() {
    settings_.workers = 2;
    round_.t = 3;
    round_.steps = 1;
    round_.first_sparse = true;
    round_.evaluate = true;
    for (std::uint32_t n = 0; n < 2; ++n) {
      for (const auto& row : audit().expected(round_, n)) rows_.push_back(row);
    }
  }
  [[nodiscard]] Audit audit() const { return {{}, settings_, 10'000, 12}; }
  [[nodiscard]] std::string refusal() const {
    return said_by([&] { audit().check(round_, rows_); });
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
  // d = 10,000, K = B = 100: 8 bits a position and 100 block ends, for two lists of each worker.
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
  EXPECT_THAT(refusal(), HasSubstr("does not have"));
}

TEST_F(AuditOfOneRound, AFirstMaskIsHeldAgainstTheLawWhereLaterOnesAreDifferences) {
  settings_.mask_codec = MaskCoding::delta;
  EXPECT_EQ(refusal(), "agrees");
  for (auto& row : rows_) {
    if (row.id.kind == comm::Kind::mask && row.field == comm::Field::positions) {
      row.bits += comm::Bits(1);
    }
  }
  EXPECT_THAT(refusal(), HasSubstr("round 3, worker 0, down mask positions: 900 bits by the law"));
}

class AuditOfAd : public AuditOfSizes {
 protected:
  AuditOfAd() : AuditOfSizes("ssgd-mv-ad") {}
};
class AuditOfTopK : public AuditOfSizes {
 protected:
  AuditOfTopK() : AuditOfSizes("top-k") {}
};

RoundSizes changes(std::vector<std::uint32_t> sizes) {
  return {.union_size = 0, .changes = std::move(sizes), .coded_bits = {}};
}
RoundSizes union_of(std::uint32_t size) {
  return {.union_size = size, .changes = {}, .coded_bits = {}};
}

TEST_F(AuditOfAd, RecoversTheSizesOfTheListsFromTheirRows) {
  for (const auto& sizes :
       {changes({0, 0, 0}), changes({10, 10, 10}), changes({0, 1, 10}), changes({7, 1, 0})}) {
    EXPECT_EQ(audit().sizes_in(round_, rows(sizes)), sizes);
    EXPECT_EQ(refusal(rows(sizes)), "agrees");
  }
  settings_.phi_ad = settings_.phi;  // all of a vote may change
  EXPECT_EQ(audit().sizes_in(round_, rows(changes({100, 99, 0}))), changes({100, 99, 0}));
}

TEST_F(AuditOfAd, HasTwoListsWhoseBitsAreTheLaws) {
  comm::Bits positions;
  for (const auto& row : rows(changes({0, 1, 10}))) {
    const bool list = row.id.kind == comm::Kind::add || row.id.kind == comm::Kind::drop;
    EXPECT_NE(row.id.kind, comm::Kind::vote);
    if (list && row.field == comm::Field::positions) positions += row.bits;
  }
  EXPECT_EQ(positions, comm::Bits(2 * (11 * 11 + 3 * 10)));  // B = 1000: 11 bits, 10 block ends
}

TEST_F(AuditOfAd, OneBitMoreInAnyRowIsNamed) {
  expect_one_bit_more_is_named_in_each_of(rows(changes({0, 1, 10})));
}

TEST_F(AuditOfAd, ADropListUnlikeItsAddListIsNamed) {
  for (const std::uint32_t dropped : {1U, 4U}) {
    auto forged = rows(changes({3, 3, 3}));
    const auto other = rows(changes({3, dropped, 3}));
    for (std::size_t i = 0; i < forged.size(); ++i) {
      // No list ends at a whole byte, so that rows of padding neither appear nor vanish.
      ASSERT_EQ(forged[i].field, other[i].field);
      if (forged[i].id.kind == comm::Kind::drop) forged[i] = other[i];
    }
    EXPECT_THAT(refusal(forged), HasSubstr("round 3, worker 1, up drop positions: 43 bits by"));
  }
}

TEST_F(AuditOfAd, MoreThanKadChangesAreNamed) {
  EXPECT_THAT(refusal(rows(changes({0, 11, 0}))),
              HasSubstr("round 3, worker 1: 11 coordinates added, K_ad = 10"));
}

TEST_F(AuditOfAd, OtherThanNSizesAreRefused) {
  EXPECT_THAT(refusal(rows(changes({1, 1, 1})), changes({1, 1})),
              HasSubstr("round 3: changes of 2 votes, N = 3"));
  EXPECT_THAT(refusal(rows(changes({1, 1, 1})), changes({1, 1, 1, 1})),
              HasSubstr("round 3: changes of 4 votes, N = 3"));
}

TEST_F(AuditOfAd, ItsFirstVoteIsWholeAndHasNoSizes) {
  round_.first_sparse = true;
  const auto whole = rows({});
  EXPECT_EQ(audit().sizes_in(round_, whole), RoundSizes());
  EXPECT_EQ(refusal(whole), "agrees");
  EXPECT_EQ(whole[0].id.kind, comm::Kind::vote);
  EXPECT_EQ(whole[0].bits, comm::Bits(100 * 8 + 100));
}

TEST_F(AuditOfTopK, RecoversTheUnionsSizeFromTheRows) {
  for (const std::uint32_t size : {100U, 101U, 200U, 299U, 300U}) {
    EXPECT_EQ(audit().sizes_in(round_, rows(union_of(size))), union_of(size));
    EXPECT_EQ(refusal(rows(union_of(size))), "agrees");
  }
}

TEST_F(AuditOfTopK, OneBitMoreInAnyRowIsNamed) {
  expect_one_bit_more_is_named_in_each_of(rows(union_of(150)));
}

TEST_F(AuditOfTopK, AUnionBelowKOrAboveNKIsNamed) {
  EXPECT_THAT(refusal(rows(union_of(99))), HasSubstr("round 3: a union of 99 coordinates"));
  EXPECT_THAT(refusal(rows(union_of(301))), HasSubstr("round 3: a union of 301 coordinates"));
}

TEST_F(AuditOfTopK, ChangesOfVotesAreNamed) {
  RoundSizes sizes = union_of(150);
  sizes.changes = {1, 1, 1};
  EXPECT_THAT(refusal(rows(union_of(150)), sizes),
              HasSubstr("round 3: changes of 3 votes, and it has none"));
}

TEST_F(AuditOfTopK, AUnionAboveDIsNamed) {
  settings_.phi = Decimal(5, 1);
  EXPECT_EQ(refusal(rows(union_of(10'000))), "agrees");
  EXPECT_THAT(refusal(rows(union_of(10'001))), HasSubstr("a union of 10001 coordinates"));
}

TEST_F(AuditOfTopK, AWorkersUnionUnlikeTheOthersIsNamed) {
  for (const std::uint32_t worker : {0U, 1U, 2U}) {
    // 8 more positions take 48 more bits, and 8 values 256, so that rows of padding neither appear
    // nor vanish.
    auto forged = rows(union_of(150));
    const auto other = rows(union_of(158));
    for (std::size_t i = 0; i < forged.size(); ++i) {
      ASSERT_EQ(forged[i].field, other[i].field);
      if (forged[i].id.worker == worker) forged[i] = other[i];
    }
    // The others are compared with worker 0's row.
    const std::uint32_t named = worker == 0 ? 1 : worker;
    EXPECT_THAT(refusal(forged),
                HasSubstr("worker " + std::to_string(named) + ", down mask positions"));
  }
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
