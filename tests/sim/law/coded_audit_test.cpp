// The audit of what the settings alone do not tell: messages whose length depends on what they
// hold, sums of a round over its workers, and sums over rounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "tests/sim/law/audit_of_sizes.hpp"

namespace mvsgd::sim {
namespace {

using comm::Field;
using comm::Kind;
using testing::HasSubstr;

using Rows = std::vector<comm::LedgerRow>;

/// Votes as changes of the paper's code, and 4-bit values by their entropy. A vote has 901 bits at
/// most, of which the paper's code of K = 100 and B = 100 takes 900, and an update 402.
class AuditOfCodes : public AuditOfSizes {
 protected:
  AuditOfCodes() : AuditOfSizes("ssgd-mv-l8-q-min") { settings_.position_codec = "block"; }

  [[nodiscard]] static RoundSizes coded(std::uint64_t vote, std::uint64_t update) {
    RoundSizes sizes;
    for (std::uint32_t n = 0; n < 3; ++n) {
      sizes.coded_bits[{Kind::vote, n}] = comm::Bits(vote);
      sizes.coded_bits[{Kind::update, n}] = comm::Bits(update);
    }
    return sizes;
  }
};

TEST_F(AuditOfCodes, TakesTheirBitsAsTheyAreUpToTheMostThatTheyCanHave) {
  for (const auto& sizes : {coded(0, 0), coded(1, 1), coded(900, 401), coded(901, 402)}) {
    EXPECT_EQ(refusal(rows(sizes), sizes), "agrees");
  }
  EXPECT_THAT(said_by([&] { (void)rows(coded(902, 402)); }),
              HasSubstr("round 3, vote: 902 bits of positions in 1 messages of 901 at most"));
  EXPECT_THAT(said_by([&] { (void)rows(coded(901, 403)); }),
              HasSubstr("round 3, update: 403 bits of values in 1 messages of 402 at most"));
}

TEST_F(AuditOfCodes, AFlagOfEachLayerThatIsSentMayComeBesideTheWholeVote) {
  settings_.selection = Selection::layer;
  settings_.dense_below = 64;  // the last layer's mask is whole, and not sent
  layers_ = Layers(std::vector<std::uint64_t>{9'000, 1'000, 50});
  EXPECT_EQ(said_by([&] { (void)rows(coded(902, 402)); }), "agrees");
  EXPECT_THAT(said_by([&] { (void)rows(coded(903, 402)); }),
              HasSubstr("903 bits of positions in 1 messages of 902 at most"));
}

TEST_F(AuditOfCodes, OneBitMoreInAnyRowBesideThemIsNamed) {
  const RoundSizes sizes = coded(517, 301);
  const Rows whole = rows(sizes);
  ASSERT_EQ(refusal(whole, sizes), "agrees");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Rows altered = whole;
    altered[i].bits += comm::Bits(1);
    EXPECT_THAT(refusal(altered, sizes), HasSubstr("round 3, worker ")) << i;
  }
}

TEST_F(AuditOfCodes, AMessageOfUnknownLengthIsNamed) {
  RoundSizes sizes = coded(517, 301);
  sizes.coded_bits.erase({Kind::vote, 1});
  EXPECT_THAT(said_by([&] { (void)rows(sizes); }),
              HasSubstr("round 3, worker 1, vote: no size of its positions is known"));
}

/// The same sums, over the workers and over rounds.
class AuditOfSums : public AuditOfCodes {
 protected:
  AuditOfSums() { settings_.ledger_rows = LedgerRows::round; }

  /// The rows summed over the workers.
  [[nodiscard]] static Rows summed(const Rows& rows) {
    std::map<std::pair<comm::MessageId, Field>, comm::Bits> sums;
    for (const auto& [id, field, bits] : rows) {
      comm::MessageId all = id;
      all.worker = 0;
      sums[{all, field}] += bits;
    }
    Rows summed;
    for (const auto& [message, bits] : sums) {
      summed.push_back({.id = message.first, .field = message.second, .bits = bits});
    }
    return summed;
  }
  /// As in a ledger whose messages have these sizes.
  [[nodiscard]] Rows sums(const RoundSizes& sizes) const { return summed(rows(sizes)); }

  [[nodiscard]] std::string refusal_of_round(const Rows& sums) const {
    return said_by(
        [&] { audit().check_sums(round_, sums, audit().sizes_in_sums(round_, sums, {})); });
  }
  [[nodiscard]] std::string refusal_of_rounds(const Rows& totals) const {
    const std::vector<Round> rounds{round_};
    return said_by([&] {
      audit().check_totals(
          rounds, [](const Round&) { return RoundSizes(); }, totals);
    });
  }

  /// The sums with `bits` in that field of all votes.
  [[nodiscard]] static Rows with(Rows sums, Field field, std::uint64_t bits) {
    for (auto& row : sums) {
      if (row.id.kind == Kind::vote && row.field == field) row.bits = comm::Bits(bits);
    }
    return sums;
  }
};

TEST_F(AuditOfSums, AgreeWithTheLawWhateverTheCodesTook) {
  for (const auto& sizes : {coded(0, 0), coded(517, 301), coded(901, 402)}) {
    EXPECT_EQ(refusal_of_round(sums(sizes)), "agrees");
    EXPECT_EQ(refusal_of_rounds(sums(sizes)), "agrees");
  }
}

TEST_F(AuditOfSums, OneBitMoreInAnyRowIsNamed) {
  // The padding of what is coded fills whole bytes, so that one bit more there does not.
  const Rows whole = sums(coded(517, 301));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Rows altered = whole;
    altered[i].bits += comm::Bits(1);
    EXPECT_THAT(refusal_of_round(altered), HasSubstr("round 3, all workers")) << i;
    EXPECT_THAT(refusal_of_rounds(altered), HasSubstr("round 3, all workers")) << i;
  }
}

TEST_F(AuditOfSums, ASurplusRowIsNamed) {
  Rows more = sums(coded(517, 301));
  more.push_back(
      {.id = {.round = 3, .worker = 0, .direction = comm::Direction::down, .kind = Kind::model},
       .field = Field::header,
       .bits = comm::Bits(192)});
  EXPECT_THAT(refusal_of_round(more), HasSubstr("which the law does not have"));
  EXPECT_THAT(refusal_of_rounds(more), HasSubstr("which the law does not have"));
}

TEST_F(AuditOfSums, PaddingIsLessThanAByteAMessage) {
  // 3 messages: 21 bits of padding at most. 195 * 8 - 21 bits of votes, and 195 * 8 - 24.
  const Rows whole = sums(coded(517, 301));
  const auto padded = [&](std::uint64_t positions, std::uint64_t padding) {
    return with(with(whole, Field::positions, positions), Field::padding, padding);
  };
  for (const std::uint64_t padding : {1U, 21U}) {
    EXPECT_EQ(refusal_of_round(padded(1560 - padding, padding)), "agrees");
    EXPECT_EQ(refusal_of_rounds(padded(1560 - padding, padding)), "agrees");
  }
  for (const std::uint64_t padding : {22U, 24U}) {
    EXPECT_THAT(refusal_of_round(padded(1560 - padding, padding)), HasSubstr("padding"));
    EXPECT_THAT(refusal_of_rounds(padded(1560 - padding, padding)), HasSubstr("padding"));
  }
}

TEST_F(AuditOfSums, MoreThanTheMostOfAllMessagesIsNamed) {
  const Rows most = sums(coded(901, 402));
  EXPECT_EQ(refusal_of_round(most), "agrees");
  // 3 * 901 = 2703 bits and 9 of padding; 2704 and 8 are whole bytes, too.
  const Rows more = with(with(most, Field::positions, 2704), Field::padding, 8);
  EXPECT_THAT(refusal_of_round(more),
              HasSubstr("2704 bits of positions in 3 messages of 901 at most"));
  EXPECT_THAT(refusal_of_rounds(more), HasSubstr("vote positions: 2704 bits, at most 2703"));
}

/// Values that the workers sum around a ring (eq 8): K = 100 among 3.
class AuditOfARing : public AuditOfSizes {
 protected:
  AuditOfARing() : AuditOfSizes("ssgd-mv") {
    settings_.value_bits = 32;
    settings_.aggregate = AggregatedBy::reduce;
  }
};

TEST_F(AuditOfARing, OneBitMoreInAnyRowIsNamed) {
  expect_one_bit_more_is_named_in_each_of(rows({}));
}

TEST_F(AuditOfARing, HasTwoMessagesOfAWorkerInEachPass) {
  std::map<Kind, comm::Bits> headers;
  comm::Bits values;
  for (const auto& [id, field, bits] : rows({})) {
    if (id.direction != comm::Direction::across) continue;
    if (field == Field::header) headers[id.kind] += bits;
    if (field == Field::values) values += bits;
  }
  const comm::Bits of_a_pass(3 * 2 * 192);
  EXPECT_THAT(headers, testing::ElementsAre(std::pair(Kind::reduce, of_a_pass),
                                            std::pair(Kind::gather, of_a_pass)));
  EXPECT_EQ(values, comm::Bits(2 * 2 * 100 * 32));  // 2 (P - 1) / P of K values a worker
}

}  // namespace
}  // namespace mvsgd::sim
