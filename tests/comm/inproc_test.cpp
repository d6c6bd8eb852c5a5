// The in-process transport moves messages between threads in order, and no wait outlives a failure
// or the deadline.
#include "comm/inproc/inproc.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace mvsgd::comm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;

// Long enough that only a hang reaches it.
constexpr auto kDeadline = 60000ms;

Message message(Kind kind, std::uint32_t sender, std::uint32_t round, std::uint64_t value) {
  MessageWriter writer({.kind = kind, .sender = sender, .round = round});
  writer.field(Field::values).put(value, 61);
  return std::move(writer).finish();
}

std::uint64_t receive_value(Transport& end, std::uint32_t from, Kind kind, std::uint32_t round) {
  Incoming incoming = end.receive(from, kind, round);
  const std::uint64_t value = incoming.field(Field::values).get(61);
  incoming.close();
  return value;
}

class InprocSizes : public ::testing::TestWithParam<std::uint32_t> {};

// Each round is a sum over the workers and its broadcast, as a training round is.
TEST_P(InprocSizes, ReducesAndBroadcastsRoundAfterRound) {
  const std::uint32_t workers = GetParam();
  constexpr std::uint32_t kRounds = 50;
  Ledger ledger;
  InprocGroup group(workers, ledger, kDeadline);
  std::vector<std::uint64_t> sums(kRounds);
  std::vector<std::vector<std::uint64_t>> seen(workers);
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t n = 0; n < workers; ++n) {
      threads.emplace_back([&, n] {
        Transport& end = group.end(n);
        for (std::uint32_t t = 0; t < kRounds; ++t) {
          end.send(end.server(), message(Kind::update, n, t, (n + 1) * (t + 1)));
          seen[n].push_back(receive_value(end, end.server(), Kind::aggregate, t));
        }
      });
    }
    Transport& server = group.end(workers);
    for (std::uint32_t t = 0; t < kRounds; ++t) {
      for (std::uint32_t n = 0; n < workers; ++n) {
        sums[t] += receive_value(server, n, Kind::update, t);
      }
      const Message aggregate = message(Kind::aggregate, workers, t, sums[t]);
      for (std::uint32_t n = 0; n < workers; ++n) server.send(n, aggregate);
    }
  }
  for (std::uint32_t t = 0; t < kRounds; ++t) {
    EXPECT_EQ(sums[t], (t + 1) * (workers * (workers + 1) / 2)) << "round " << t;
    // 2 N messages of a header, 61 bits and 3 of padding.
    EXPECT_EQ(ledger.close_round(t).size(), 2 * workers * 3);
  }
  for (std::uint32_t n = 0; n < workers; ++n) EXPECT_EQ(seen[n], sums) << "worker " << n;
  EXPECT_EQ(ledger.totals().at({Direction::up, Kind::update}).total(),
            std::uint64_t{kRounds} * workers * Bits(256));
}

INSTANTIATE_TEST_SUITE_P(Workers, InprocSizes, ::testing::Values(1, 2, 10, 50),
                         ::testing::PrintToStringParamName());

TEST(Inproc, KeepsTheOrderOfMessagesBetweenTwoEnds) {
  Ledger ledger;
  InprocGroup group(1, ledger, kDeadline);
  constexpr std::uint32_t kMessages = 1000;
  std::jthread worker([&] {
    for (std::uint32_t t = 0; t < kMessages; ++t) {
      group.end(0).send(1, message(Kind::update, 0, t, t * 3ULL));
    }
  });
  for (std::uint32_t t = 0; t < kMessages; ++t) {
    ASSERT_EQ(receive_value(group.end(1), 0, Kind::update, t), t * 3ULL);
  }
}

TEST(Inproc, SharesTheBytesOfABroadcast) {
  Ledger ledger;
  InprocGroup group(3, ledger, kDeadline);
  const Message mask = message(Kind::mask, 3, 0, 1);
  for (std::uint32_t n = 0; n < 3; ++n) group.end(3).send(n, mask);
  EXPECT_EQ(mask.bytes.use_count(), 4);
}

TEST(Inproc, EndsAWaitAtTheDeadline) {
  Ledger ledger;
  InprocGroup group(2, ledger, 20ms);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT([&] { (void)group.end(2).receive(1, Kind::vote, 9); },
              ThrowsMessage<TransportError>(
                  "rank 2 awaited vote of round 9 from rank 1: no message within 20 ms"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

TEST(Inproc, IsUnusableAfterAMissedDeadline) {
  Ledger ledger;
  InprocGroup group(2, ledger, 20ms);
  EXPECT_THROW((void)group.end(2).receive(1, Kind::vote, 9), TransportError);
  EXPECT_THAT([&] { group.end(1).send(2, message(Kind::vote, 1, 9, 0)); },
              ThrowsMessage<TransportError>(
                  AllOf(HasSubstr("rank 1 cannot send"), HasSubstr("rank 2 has failed"))));
}

TEST(Inproc, AFailureEndsEveryWait) {
  Ledger ledger;
  InprocGroup group(3, ledger, kDeadline);
  std::vector<std::future<void>> waits;
  for (std::uint32_t n = 0; n < 2; ++n) {
    waits.push_back(std::async(std::launch::async,
                               [&group, n] { (void)group.end(n).receive(3, Kind::mask, 4); }));
  }
  waits.push_back(
      std::async(std::launch::async, [&group] { (void)group.end(3).receive(0, Kind::vote, 4); }));
  std::this_thread::sleep_for(20ms);  // so that most runs meet threads that already wait
  group.fail(2, "loss is not finite");
  for (auto& wait : waits) {
    EXPECT_THAT([&] { wait.get(); }, ThrowsMessage<TransportError>(AllOf(
                                         HasSubstr("awaited"), HasSubstr("of round 4 from rank"),
                                         HasSubstr("rank 2 has failed: loss is not finite"))));
  }
}

TEST(Inproc, RefusesEverythingAfterAFailureEvenWhatHasArrived) {
  Ledger ledger;
  InprocGroup group(2, ledger, kDeadline);
  group.end(0).send(2, message(Kind::vote, 0, 0, 7));
  group.fail(1, "first");
  group.fail(0, "second");
  EXPECT_THAT([&] { (void)group.end(2).receive(0, Kind::vote, 0); },
              ThrowsMessage<TransportError>(HasSubstr("rank 1 has failed: first")));
  EXPECT_THROW(group.end(2).send(0, message(Kind::mask, 2, 0, 7)), TransportError);
}

TEST(Inproc, TellsTheObserverFromTheSendersThreads) {
  Ledger ledger;
  std::mutex mutex;
  std::vector<std::uint32_t> senders;
  InprocGroup group(4, ledger, kDeadline, [&](std::uint32_t to, const Message& seen) {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(to, 4U);
    senders.push_back(seen.header.sender);
  });
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t n = 0; n < 4; ++n) {
      threads.emplace_back([&, n] { group.end(n).send(4, message(Kind::vote, n, 0, n)); });
    }
  }
  EXPECT_THAT(senders, ::testing::UnorderedElementsAre(0, 1, 2, 3));
}

TEST(Inproc, RefusesAGroupThatCannotBe) {
  Ledger ledger;
  EXPECT_THROW(InprocGroup(0, ledger, kDeadline), std::invalid_argument);
  EXPECT_THROW(InprocGroup(2, ledger, 0ms), std::invalid_argument);
  EXPECT_THROW(InprocGroup(2, ledger, -1ms), std::invalid_argument);
  EXPECT_THROW(InprocGroup(2, ledger, 24h * 366), std::invalid_argument);
  InprocGroup group(2, ledger, kDeadline);
  EXPECT_THROW((void)group.end(3), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::comm
