// A transport's end sends and receives only what fits its place in the star, and counts all of it.
#include "comm/transport.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace mvsgd::comm {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

using Bytes = std::shared_ptr<const std::vector<std::byte>>;

/// An end whose wire is a queue in the test's hands.
class Wire : public Transport {
 public:
  Wire(std::uint32_t rank, std::uint32_t workers, Ledger& ledger, WireObserver observer = {})
      : Transport(rank, workers, ledger, std::move(observer)) {}

  std::deque<Bytes> sent;
  std::deque<Bytes> to_receive;

 private:
  void send_bytes(std::uint32_t, Bytes bytes) override { sent.push_back(std::move(bytes)); }
  Bytes receive_bytes(std::uint32_t, const std::string&) override {
    Bytes bytes = to_receive.at(0);
    to_receive.pop_front();
    return bytes;
  }
};

Message vote(std::uint32_t sender, std::uint32_t round) {
  MessageWriter writer({.kind = Kind::vote, .sender = sender, .round = round});
  writer.field(Field::positions).put(5, 3);
  return std::move(writer).finish();
}

TEST(Transport, RefusesARankOutsideTheStar) {
  Ledger ledger;
  EXPECT_THROW(Wire(4, 3, ledger), std::invalid_argument);
  EXPECT_THROW(Wire(0, 0, ledger), std::invalid_argument);
}

TEST(Transport, KnowsItsPlace) {
  Ledger ledger;
  const Wire server(3, 3, ledger);
  EXPECT_EQ(server.rank(), 3U);
  EXPECT_EQ(server.workers(), 3U);
  EXPECT_EQ(server.server(), 3U);
}

TEST(Transport, ConnectsWorkersWithTheServerOnly) {
  Ledger ledger;
  Wire worker(1, 3, ledger);
  EXPECT_THROW(worker.send(2, vote(1, 0)), std::invalid_argument);
  EXPECT_THROW(worker.send(1, vote(1, 0)), std::invalid_argument);
  EXPECT_THROW((void)worker.receive(0, Kind::mask, 0), std::invalid_argument);
  Wire server(3, 3, ledger);
  EXPECT_THROW(server.send(3, vote(3, 0)), std::invalid_argument);
  EXPECT_THROW(server.send(4, vote(3, 0)), std::invalid_argument);
  EXPECT_TRUE(ledger.close_round(0).empty());
}

TEST(Transport, SendsOnlyItsOwnMessages) {
  Ledger ledger;
  Wire worker(1, 3, ledger);
  EXPECT_THAT([&] { worker.send(3, vote(2, 0)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("sender 2")));
  Message empty = vote(1, 0);
  empty.bytes = nullptr;
  EXPECT_THROW(worker.send(3, empty), std::invalid_argument);
  EXPECT_TRUE(worker.sent.empty());
  EXPECT_TRUE(ledger.close_round(0).empty());
}

TEST(Transport, CountsAMessageAtBothEnds) {
  Ledger ledger;
  Wire worker(1, 3, ledger);
  Wire server(3, 3, ledger);
  worker.send(3, vote(1, 6));
  server.to_receive = worker.sent;
  Incoming message = server.receive(1, Kind::vote, 6);
  EXPECT_EQ(message.field(Field::positions).get(3), 5U);
  message.close();
  const auto rows = ledger.close_round(6);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].id,
            (MessageId{.round = 6, .worker = 1, .direction = Direction::up, .kind = Kind::vote}));
  EXPECT_EQ(rows[0].bits, Bits(3));
}

TEST(Transport, NamesTheWorkerOfADownwardMessage) {
  Ledger ledger;
  Wire server(3, 3, ledger);
  Wire worker(2, 3, ledger);
  server.send(2, vote(3, 6));
  worker.to_receive = server.sent;
  Incoming message = worker.receive(3, Kind::vote, 6);
  (void)message.field(Field::positions).get(3);
  message.close();
  const auto rows = ledger.close_round(6);
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows[0].id.worker, 2U);
  EXPECT_EQ(rows[0].id.direction, Direction::down);
}

TEST(Transport, ShowsEachMessageToTheObserver) {
  Ledger ledger;
  std::vector<std::pair<std::uint32_t, Header>> seen;
  Wire server(3, 3, ledger, [&](std::uint32_t to, const Message& message) {
    seen.emplace_back(to, message.header);
  });
  const Message mask = vote(3, 1);
  for (std::uint32_t n = 0; n < 3; ++n) server.send(n, mask);
  ASSERT_EQ(seen.size(), 3U);
  for (std::uint32_t n = 0; n < 3; ++n) EXPECT_EQ(seen[n], std::pair(n, mask.header));
}

TEST(Transport, RefusesAMessageThatIsNotTheAwaitedOne) {
  Ledger ledger;
  Wire server(3, 3, ledger);
  const auto refused = [&](const Message& message) {
    server.to_receive = {message.bytes};
    EXPECT_THROW((void)server.receive(1, Kind::vote, 6), DecodeError);
  };
  refused(vote(2, 6));
  refused(vote(1, 5));
  refused(vote(1, 7));
  refused(MessageWriter({.kind = Kind::update, .sender = 1, .round = 6}).finish());

  server.to_receive = {vote(2, 6).bytes};
  EXPECT_THAT([&] { (void)server.receive(1, Kind::vote, 6); },
              ThrowsMessage<DecodeError>("rank 3 awaited vote of round 6 from rank 1, got vote of "
                                         "round 6 of sender 2"));
}

TEST(Transport, RefusesBytesThatAreNoMessage) {
  Ledger ledger;
  Wire server(3, 3, ledger);
  server.to_receive = {std::make_shared<const std::vector<std::byte>>(23)};
  EXPECT_THROW((void)server.receive(1, Kind::vote, 6), DecodeError);
}

TEST(Incoming, DoesNotCountAMessageThatIsNotReadToItsEnd) {
  Ledger ledger;
  Wire worker(1, 3, ledger);
  Wire server(3, 3, ledger);
  worker.send(3, vote(1, 6));
  server.to_receive = worker.sent;
  Incoming message = server.receive(1, Kind::vote, 6);
  EXPECT_THROW(message.close(), DecodeError);
  EXPECT_THROW(ledger.close_round(6), LedgerError);
}

}  // namespace
}  // namespace mvsgd::comm
