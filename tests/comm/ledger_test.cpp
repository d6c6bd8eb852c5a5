// The ledger closes a round when its three counts agree, and otherwise says which do not.
#include "comm/ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace mvsgd::comm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr MessageId kVote = {
    .round = 3, .worker = 2, .direction = Direction::up, .kind = Kind::vote};

FieldBits vote_bits() {
  FieldBits fields;
  fields[Field::header] = Bits(192);
  fields[Field::positions] = Bits(17);
  fields[Field::padding] = Bits(7);
  return fields;
}

void count(Ledger& ledger, const MessageId& id) {
  ledger.sent(id, vote_bits());
  ledger.moved(id, 27);
  ledger.decoded(id, vote_bits());
}

TEST(Ledger, ClosesARoundWhoseThreeCountsAgree) {
  Ledger ledger;
  count(ledger, kVote);
  const auto rows = ledger.close_round(3);
  ASSERT_EQ(rows.size(), 3U);  // rows of 0 bits are not kept
  EXPECT_EQ(rows[0].field, Field::positions);
  EXPECT_EQ(rows[0].bits, Bits(17));
  EXPECT_EQ(rows[1].field, Field::header);
  EXPECT_EQ(rows[2].field, Field::padding);
  for (const LedgerRow& row : rows) EXPECT_EQ(row.id, kVote);
}

TEST(Ledger, OrdersRowsByWorkerDirectionKindAndField) {
  Ledger ledger;
  const std::vector<MessageId> in_order = {
      {.round = 3, .worker = 0, .direction = Direction::up, .kind = Kind::update},
      {.round = 3, .worker = 0, .direction = Direction::down, .kind = Kind::mask},
      {.round = 3, .worker = 1, .direction = Direction::up, .kind = Kind::vote},
      {.round = 3, .worker = 1, .direction = Direction::up, .kind = Kind::update}};
  for (auto it = in_order.rbegin(); it != in_order.rend(); ++it) count(ledger, *it);
  const auto rows = ledger.close_round(3);
  ASSERT_EQ(rows.size(), 12U);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].id, in_order[i / 3]) << i;
}

TEST(Ledger, ClosesOnlyTheRoundAsked) {
  Ledger ledger;
  MessageId next = kVote;
  next.round = 4;
  count(ledger, kVote);
  ledger.sent(next, vote_bits());
  EXPECT_EQ(ledger.close_round(3).size(), 3U);
  EXPECT_TRUE(ledger.close_round(3).empty());
  ledger.moved(next, 27);
  ledger.decoded(next, vote_bits());
  EXPECT_EQ(ledger.close_round(4).size(), 3U);
}

TEST(Ledger, RowsAddUpByDirection) {
  Ledger ledger;
  std::vector<LedgerRow> rows;
  for (std::uint32_t round = 0; round < 2; ++round) {
    for (std::uint32_t worker = 0; worker < 5; ++worker) {
      MessageId id = kVote;
      id.round = round;
      id.worker = worker;
      count(ledger, id);
    }
    const auto closed = ledger.close_round(round);
    rows.insert(rows.end(), closed.begin(), closed.end());
  }
  const ByDirection<FieldBits> sum = sum_by_direction(rows);
  EXPECT_EQ(sum[Direction::up][Field::positions], Bits(170));
  EXPECT_EQ(sum[Direction::up].total(), Bits(10 * 8 * 27));
  EXPECT_EQ(sum[Direction::down].total(), Bits(0));
}

constexpr MessageId kAcross = {
    .round = 3, .worker = 2, .direction = Direction::across, .kind = Kind::gather};

TEST(Ledger, AddsUpWhatGoesAcrossUnderOneName) {
  Ledger ledger;
  for (int i = 0; i < 4; ++i) count(ledger, kAcross);
  const auto rows = ledger.close_round(3);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].id, kAcross);
  EXPECT_EQ(rows[0].bits, Bits(4 * 17));
  EXPECT_EQ(rows[2].bits, Bits(4 * 7));
}

TEST(Ledger, MissesABlockAcrossThatWasSentAndNeverDecoded) {
  Ledger ledger;
  count(ledger, kAcross);
  ledger.sent(kAcross, vote_bits());
  EXPECT_THAT([&] { ledger.close_round(3); },
              ThrowsMessage<LedgerError>("ledger: round 3, worker 2, across, gather, positions: 34 "
                                         "bits sent, 17 bits decoded"));
}

/// One ledger hands over its counts and another takes them over.
void move_round(Ledger& from, Ledger& to, std::uint32_t round, std::uint32_t worker) {
  BitWriter out;
  from.hand_over(round, out);
  const Bits size = out.size();
  const auto bytes = out.take();
  BitReader in(bytes, size);
  to.take_over(round, worker, in);
  EXPECT_EQ(in.remaining(), Bits(0));
}

TEST(Ledger, HandsOverWhatAnotherClosesAndForgetsIt) {
  Ledger worker;
  Ledger server;
  MessageId mask = kVote;
  mask.direction = Direction::down;
  mask.kind = Kind::mask;
  worker.sent(kVote, vote_bits());
  server.moved(kVote, 27);
  server.decoded(kVote, vote_bits());
  server.sent(mask, vote_bits());
  worker.moved(mask, 27);
  worker.decoded(mask, vote_bits());
  MessageId next = kVote;
  next.round = 4;
  count(worker, next);
  move_round(worker, server, 3, 2);
  const auto rows = server.close_round(3);
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].id, kVote);
  EXPECT_EQ(rows[0].bits, Bits(17));
  EXPECT_EQ(rows[3].id, mask);
  EXPECT_TRUE(worker.close_round(3).empty());
  EXPECT_EQ(worker.close_round(4).size(), 3U);
}

TEST(Ledger, TakesOverWhatWorkersHaveCountedOfEachOther) {
  Ledger sender;
  Ledger receiver;
  Ledger server;
  for (int i = 0; i < 3; ++i) {
    sender.sent(kAcross, vote_bits());
    receiver.moved(kAcross, 27);
    receiver.decoded(kAcross, vote_bits());
  }
  move_round(receiver, server, 3, 0);
  move_round(sender, server, 3, 2);
  const auto rows = server.close_round(3);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].id, kAcross);
  EXPECT_EQ(rows[0].bits, Bits(3 * 17));
}

TEST(Ledger, RefusesToTakeOverWhatItHasCountedItself) {
  Ledger worker;
  Ledger server;
  count(worker, kVote);
  server.moved(kVote, 27);
  EXPECT_THAT([&] { move_round(worker, server, 3, 2); },
              ThrowsMessage<LedgerError>(HasSubstr("moved twice")));
}

TEST(Ledger, NamesTheFieldWhoseSentAndDecodedBitsDiffer) {
  Ledger ledger;
  FieldBits decoded = vote_bits();
  decoded[Field::positions] = Bits(16);
  decoded[Field::padding] = Bits(8);
  ledger.sent(kVote, vote_bits());
  ledger.moved(kVote, 27);
  ledger.decoded(kVote, decoded);
  EXPECT_THAT([&] { ledger.close_round(3); },
              ThrowsMessage<LedgerError>("ledger: round 3, worker 2, up, vote, positions: 17 bits "
                                         "sent, 16 bits decoded"));
}

TEST(Ledger, ComparesTheFieldsWithTheBytesMoved) {
  Ledger ledger;
  ledger.sent(kVote, vote_bits());
  ledger.moved(kVote, 28);
  ledger.decoded(kVote, vote_bits());
  EXPECT_THAT(
      [&] { ledger.close_round(3); },
      ThrowsMessage<LedgerError>("ledger: round 3, worker 2, up, vote, all fields: 216 bits "
                                 "sent, 224 bits moved"));
}

TEST(Ledger, RefusesAMessageThatWasCountedOnlyInPart) {
  const std::string who = "ledger: round 3, worker 2, up, vote: ";
  Ledger unread;
  unread.sent(kVote, vote_bits());
  EXPECT_THAT([&] { unread.close_round(3); },
              ThrowsMessage<LedgerError>(who + "sent, but never moved"));
  unread.moved(kVote, 27);
  EXPECT_THAT([&] { unread.close_round(3); },
              ThrowsMessage<LedgerError>(who + "moved, but never decoded"));
  Ledger unsent;
  unsent.moved(kVote, 27);
  unsent.decoded(kVote, vote_bits());
  EXPECT_THAT([&] { unsent.close_round(3); },
              ThrowsMessage<LedgerError>(who + "received, but never sent"));
}

TEST(Ledger, KeepsARoundThatItRefusesToClose) {
  Ledger ledger;
  MessageId other = kVote;
  other.worker = 1;
  count(ledger, other);
  ledger.sent(kVote, vote_bits());
  ledger.moved(kVote, 27);
  EXPECT_THROW(ledger.close_round(3), LedgerError);
  EXPECT_THROW(ledger.close_round(3), LedgerError);
  ledger.decoded(kVote, vote_bits());
  EXPECT_EQ(ledger.close_round(3).size(), 6U);
}

TEST(Ledger, RefusesToCountAMessageTwice) {
  Ledger ledger;
  count(ledger, kVote);
  EXPECT_THAT([&] { ledger.sent(kVote, vote_bits()); },
              ThrowsMessage<LedgerError>(AllOf(HasSubstr("worker 2"), HasSubstr("sent twice"))));
  EXPECT_THAT([&] { ledger.moved(kVote, 27); },
              ThrowsMessage<LedgerError>(HasSubstr("moved twice")));
  EXPECT_THAT([&] { ledger.decoded(kVote, vote_bits()); },
              ThrowsMessage<LedgerError>(HasSubstr("decoded twice")));
}

}  // namespace
}  // namespace mvsgd::comm
