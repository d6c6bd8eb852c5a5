// What only the in-process transport does; tests/comm/group_test.cpp tests what every transport
// does.
#include "comm/inproc/inproc.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

namespace mvsgd::comm {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using std::chrono_literals::operator""ms;

TEST(Inproc, HasEveryRankHere) {
  const InprocGroup group(2);
  EXPECT_EQ(std::vector(group.here().begin(), group.here().end()),
            (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_TRUE(group.is_here(2));
  EXPECT_FALSE(group.is_here(3));
}

TEST(Inproc, SharesTheBytesOfABroadcast) {
  InprocGroup group(3);
  const Message mask = MessageWriter({.kind = Kind::mask, .sender = 3}).finish();
  for (std::uint32_t n = 0; n < 3; ++n) group.end(3).send(n, mask);
  EXPECT_EQ(mask.bytes.use_count(), 4);
}

TEST(Inproc, RefusesAGroupThatCannotBe) {
  EXPECT_THROW(InprocGroup(0), std::invalid_argument);
  InprocGroup group(2);
  EXPECT_THROW((void)group.end(3), std::invalid_argument);
}

// Worker 1 of three returns without the vote that the server waits for. What each rank throws is
// its own wait, and the same reason.
TEST(Inproc, AWaitForARankThatHasEndedEndsAtOnce) {
  InprocGroup group(3);
  const auto run = [&] {
    group.run([](Transport& end) {
      if (end.rank() == 1) return;
      if (end.rank() < 3) (void)end.receive(3, Kind::mask, 9);
      for (std::uint32_t n = 0; n < 3; ++n) (void)end.receive(2 - n, Kind::vote, 9);
    });
  };
  group.end(2).send(3, MessageWriter({.kind = Kind::vote, .sender = 2, .round = 9}).finish());
  EXPECT_THAT(run, ThrowsMessage<TransportError>(HasSubstr(
                       ": nobody is left who could send it: the server awaits vote of round 9 from "
                       "worker 1, worker 1 has ended")));
}

TEST(Inproc, RanksThatWaitForEachOtherEndAtOnce) {
  InprocGroup group(2);
  const auto run = [&] {
    group.run([](Transport& end) {
      if (end.rank() == 2) {
        (void)end.receive(0, Kind::update, 4);
      } else {
        (void)end.receive_control(2, "news");
      }
    });
  };
  EXPECT_THAT(run, ThrowsMessage<TransportError>(HasSubstr(
                       ": nobody is left who could send it: the server awaits update of round 4 "
                       "from worker 0, worker 0 awaits news from the server")));
}

TEST(Inproc, AWorkerThatWaitsForOneThatHasEndedEndsAtOnce) {
  InprocGroup group(2);
  const auto run = [&] {
    group.run([](Transport& end) {
      if (end.rank() == 0) (void)end.receive(1, Kind::reduce, 4);
      if (end.rank() == 2) (void)end.receive_control(0, "news");
    });
  };
  EXPECT_THAT(run, ThrowsMessage<TransportError>(HasSubstr(
                       ": nobody is left who could send it: the server awaits news from worker 0, "
                       "worker 0 awaits reduce of round 4 from worker 1")));
}

TEST(Inproc, AWaitForAServerThatHasEndedEndsAtOnce) {
  InprocGroup group(3);
  const auto run = [&] {
    group.run([](Transport& end) {
      if (end.rank() == 1) (void)end.receive(3, Kind::mask, 9);
    });
  };
  EXPECT_THAT(run, ThrowsMessage<TransportError>(
                       "worker 1 awaited mask of round 9 from the server: nobody is left who could "
                       "send it: the server has ended, worker 1 awaits mask of round 9 from the "
                       "server"));
}

TEST(Inproc, ARankThatComputesIsWaitedFor) {
  InprocGroup group(2);
  for (int again = 0; again < 2; ++again) {
    group.run([](Transport& end) {
      if (end.rank() == 1) std::this_thread::sleep_for(100ms);
      if (end.rank() < 2) end.send_control(2, "news", {});
      if (end.rank() < 2) return;
      for (std::uint32_t n = 0; n < 2; ++n) (void)end.receive_control(n, "news");
    });
  }
}

// The last one to wait has been sent for, and has not woken yet: it is not one that waits.
TEST(Inproc, AMessageThatIsThereIsNoWait) {
  InprocGroup group(1);
  group.run([](Transport& end) {
    for (int i = 0; i < 2000; ++i) {
      end.send_control(1 - end.rank(), "ball", {});
      (void)end.receive_control(1 - end.rank(), "ball");
    }
  });
}

}  // namespace
}  // namespace mvsgd::comm
