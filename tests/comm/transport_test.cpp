// A transport's end sends and receives only what fits its place in the star, and counts all of it.
#include "comm/transport.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
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
  std::deque<Bytes> control_sent;
  std::deque<Bytes> control_to_receive;

 private:
  void send_bytes(Channel channel, std::uint32_t, Bytes bytes) override {
    (channel == Channel::messages ? sent : control_sent).push_back(std::move(bytes));
  }
  Bytes receive_bytes(Channel channel, std::uint32_t, const std::string&) override {
    std::deque<Bytes>& queue = channel == Channel::messages ? to_receive : control_to_receive;
    Bytes bytes = queue.at(0);
    queue.pop_front();
    return bytes;
  }
};

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

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

/// A block of one number, as it goes from worker to worker.
Message block(Kind kind, std::uint32_t sender, std::uint32_t number) {
  MessageWriter writer({.kind = kind, .sender = sender, .round = 6, .block_size = number});
  writer.field(Field::values).put(number, 32);
  return std::move(writer).finish();
}

TEST(Transport, ConnectsWorkersForWhatGoesAcrossAlone) {
  Ledger ledger;
  Wire worker(1, 3, ledger);
  for (const Kind kind : {Kind::reduce, Kind::gather}) {
    for (const std::uint32_t to : {1U, 3U, 4U}) {  // itself, the server, nobody
      EXPECT_THROW(worker.send(to, block(kind, 1, 0)), std::invalid_argument);
      EXPECT_THROW((void)worker.receive(to, kind, 6), std::invalid_argument);
    }
    Wire server(3, 3, ledger);
    EXPECT_THROW(server.send(1, block(kind, 3, 0)), std::invalid_argument);
  }
  EXPECT_TRUE(worker.sent.empty());
  EXPECT_TRUE(ledger.close_round(6).empty());
}

TEST(Transport, CountsBlocksAcrossTogetherUnderTheirSender) {
  Ledger senders;
  Ledger receivers;
  Ledger servers;
  Wire sender(2, 3, senders);
  Wire receiver(0, 3, receivers);
  Wire server(3, 3, servers);
  for (const std::uint32_t b : {0U, 1U, 2U}) sender.send(0, block(Kind::reduce, 2, b));
  receiver.to_receive = sender.sent;
  const auto read = [&](std::uint32_t b) {
    Incoming message = receiver.receive(2, Kind::reduce, 6);
    EXPECT_EQ(message.sender(), "worker 2");
    EXPECT_EQ(message.header().block_size, b);
    EXPECT_EQ(message.field(Field::values).get(32), b);
    message.close();
  };
  read(0);
  read(1);
  read(2);
  receiver.report_round(6, {});
  Ledger none;
  Wire idle(1, 3, none);
  idle.report_round(6, {});
  sender.report_round(6, {});
  server.control_to_receive = {receiver.control_sent.at(0), idle.control_sent.at(0),
                               sender.control_sent.at(0)};
  const std::vector<LedgerRow> rows = server.close_round(6).rows;
  ASSERT_EQ(rows.size(), 2U);
  const MessageId id{.round = 6, .worker = 2, .direction = Direction::across, .kind = Kind::reduce};
  EXPECT_EQ(rows[0].id, id);
  EXPECT_EQ(rows[0].field, Field::values);
  EXPECT_EQ(rows[0].bits, Bits(3 * 32));
  EXPECT_EQ(rows[1].id, id);
  EXPECT_EQ(rows[1].bits, Bits(3 * 192));
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
              ThrowsMessage<DecodeError>("the server awaited vote of round 6 from worker 1, got "
                                         "vote of round 6 of sender 2"));
}

TEST(Transport, RefusesBytesThatAreNoMessage) {
  Ledger ledger;
  Wire server(3, 3, ledger);
  server.to_receive = {std::make_shared<const std::vector<std::byte>>(23)};
  EXPECT_THROW((void)server.receive(1, Kind::vote, 6), DecodeError);
}

TEST(Transport, CarriesControlMessagesWithoutCountingThem) {
  Ledger ledger;
  Wire worker(1, 3, ledger);
  Wire server(3, 3, ledger);
  worker.send_control(3, "news", bytes_of("all is well"));
  EXPECT_TRUE(worker.sent.empty());
  server.control_to_receive = worker.control_sent;
  EXPECT_EQ(server.receive_control(1, "news"), bytes_of("all is well"));
  EXPECT_TRUE(ledger.close_round(0).empty());
  // A byte, 4 of the name, 11.
  EXPECT_EQ(worker.control_bits(), (ByDirection<Bits>{Bits(128), Bits(0)}));
  EXPECT_EQ(server.control_bits(), (ByDirection<Bits>{Bits(128), Bits(0)}));
  server.send_control(1, "", {});
  EXPECT_EQ(server.control_bits(), (ByDirection<Bits>{Bits(128), Bits(8)}));
}

TEST(Transport, RefusesAControlMessageThatIsNotTheAwaitedOne) {
  Ledger ledger;
  Wire worker(1, 3, ledger);
  Wire server(3, 3, ledger);
  worker.send_control(3, "news", {});
  server.control_to_receive = worker.control_sent;
  EXPECT_THAT([&] { (void)server.receive_control(1, "state"); },
              ThrowsMessage<DecodeError>("the server awaited state from worker 1, got news"));
  for (const std::string_view bytes : {"", "\5four"}) {
    server.control_to_receive = {std::make_shared<const std::vector<std::byte>>(bytes_of(bytes))};
    EXPECT_THAT([&] { (void)server.receive_control(1, "four"); },
                ThrowsMessage<DecodeError>(HasSubstr("got no control message")));
  }
  EXPECT_THROW(worker.send_control(2, "news", {}), std::invalid_argument);
  EXPECT_THROW((void)worker.receive_control(0, "news"), std::invalid_argument);
  EXPECT_THROW(worker.send_control(3, std::string(256, 'n'), {}), std::invalid_argument);
}

/// A worker and the server, each with a ledger of its own, and a message up and one down.
class ReportedRound : public ::testing::Test {
 protected:
  ReportedRound() {
    worker_.send(1, vote(0, 6));
    server_.to_receive = worker_.sent;
    read(server_, 0);
    server_.send(0, vote(1, 6));
    worker_.to_receive = server_.sent;
    read(worker_, 1);
  }
  static void read(Wire& end, std::uint32_t from) {
    Incoming message = end.receive(from, Kind::vote, 6);
    (void)message.field(Field::positions).get(3);
    message.close();
  }

  Ledger workers_;
  Ledger servers_;
  Wire worker_{0, 1, workers_};
  Wire server_{1, 1, servers_};
};

TEST_F(ReportedRound, IsClosedWithTheCountsOfBothEndsAndWhatTheWorkerTells) {
  worker_.report_round(6, bytes_of("loss 2.3"));
  server_.control_to_receive = worker_.control_sent;
  const ClosedRound closed = server_.close_round(6);
  ASSERT_EQ(closed.reports.size(), 1U);
  EXPECT_EQ(closed.reports[0], bytes_of("loss 2.3"));
  ASSERT_EQ(closed.rows.size(), 6U);
  for (const LedgerRow& row : closed.rows) EXPECT_EQ(row.id.worker, 0U);
  const auto sum = sum_by_direction(closed.rows);
  EXPECT_EQ(sum[Direction::up].total(), Bits(200));
  EXPECT_EQ(sum[Direction::down].total(), Bits(200));
}

TEST_F(ReportedRound, LacksWhatAnEndHasNotCounted) {
  workers_.close_round(5);  // nothing of another round is forgotten
  Ledger empty;
  Wire silent(0, 1, empty);
  silent.report_round(6, {});
  server_.control_to_receive = silent.control_sent;
  EXPECT_THAT(
      [&] { (void)server_.close_round(6); },
      ThrowsMessage<LedgerError>("ledger: round 6, worker 0, up, vote: received, but never sent"));
}

TEST_F(ReportedRound, IsRefusedIfItIsAnother) {
  worker_.report_round(5, {});
  server_.control_to_receive = worker_.control_sent;
  EXPECT_THAT([&] { (void)server_.close_round(6); },
              ThrowsMessage<DecodeError>(
                  "the server awaited a report of round 6 from worker 0, got one of round 5"));
}

TEST_F(ReportedRound, IsRefusedWhereverItIsCutOrAForgeryCountsWhatIsNone) {
  worker_.report_round(6, {});
  const std::vector<std::byte> whole = *worker_.control_sent.at(0);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Ledger ledger;
    Wire server(1, 1, ledger);
    server.control_to_receive = {std::make_shared<const std::vector<std::byte>>(
        whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))};
    EXPECT_THROW((void)server.close_round(6), DecodeError) << size;
  }
  constexpr std::string_view kName = "report of a round";
  constexpr std::size_t kFirst = 1 + kName.size() + 4 + 4;  // direction and kind of a message
  for (const std::size_t at : {kFirst, kFirst + 1}) {
    std::vector<std::byte> forged = whole;
    forged[at] = std::byte{77};
    server_.control_to_receive = {std::make_shared<const std::vector<std::byte>>(forged)};
    EXPECT_THAT([&] { (void)server_.close_round(6); },
                ThrowsMessage<DecodeError>(HasSubstr("ledger: no such name")));
  }
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
