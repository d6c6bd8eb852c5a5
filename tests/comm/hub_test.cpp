// The hub of a process: what a deadline is. What it is without one is tests/comm/inproc_test.cpp's.
#include "comm/hub.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace mvsgd::comm {
namespace {

using ::testing::ThrowsMessage;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using Clock = std::chrono::steady_clock;

SharedBytes bytes() { return std::make_shared<const std::vector<std::byte>>(3); }

TEST(Hub, EndsAWaitAtTheDeadlineOnEitherChannel) {
  for (const Channel channel : {Channel::messages, Channel::control}) {
    Hub hub(2, 20ms);
    const Channel other = channel == Channel::control ? Channel::messages : Channel::control;
    hub.deliver(other, 1, 2, bytes());  // which is none
    const Clock::time_point start = Clock::now();
    EXPECT_THAT([&] { (void)hub.receive(channel, 1, 2, "vote of round 9"); },
                ThrowsMessage<TransportError>("the server awaited vote of round 9 from worker 1: "
                                              "no message within the deadline of 20 ms "
                                              "(--deadline)"));
    EXPECT_GE(Clock::now() - start, 20ms);
  }
}

TEST(Hub, IsUnusableAfterAMissedDeadline) {
  std::string told;
  Hub hub(2, 20ms, [&](const std::string& failure) { told += failure; });
  EXPECT_THROW((void)hub.receive(Channel::messages, 2, 1, "mask of round 9"), TransportError);
  const std::string failure =
      "worker 1 has failed: worker 1 awaited mask of round 9 from the server: no message within "
      "the deadline of 20 ms (--deadline)";
  EXPECT_EQ(told, failure);
  EXPECT_THAT([&] { hub.check_that_it_can_send(0); },
              ThrowsMessage<TransportError>("worker 0 cannot send: " + failure));
}

TEST(Hub, RefusesADeadlineThatIsNone) {
  EXPECT_THROW(Hub(2, 0ms), std::invalid_argument);
  EXPECT_THROW(Hub(2, -1ms), std::invalid_argument);
  EXPECT_THROW(Hub(2, 24h * 366), std::invalid_argument);
}

// A child waits with a deadline of 4 s, is stopped for 5 s, and gets its message then. Of the stop
// a second counts, so that on a busy machine it may take three to be stopped and to be woken.
TEST(Hub, TimeInWhichTheProcessIsStoppedIsNotWaited) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Hub hub(1, 4000ms);
    std::jthread sender([&] {
      char byte = 0;
      if (read(ends[0], &byte, 1) == 1) hub.deliver(Channel::control, 0, 1, bytes());
    });
    try {
      (void)hub.receive(Channel::control, 0, 1, "news");
    } catch (const TransportError&) {
      _exit(1);
    }
    sender.join();  // or ThreadSanitizer takes it for a thread that was forgotten
    _exit(0);
  }
  std::this_thread::sleep_for(100ms);
  ASSERT_EQ(kill(child, SIGSTOP), 0);
  std::this_thread::sleep_for(5000ms);
  ASSERT_EQ(kill(child, SIGCONT), 0);
  ASSERT_EQ(write(ends[1], "", 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace mvsgd::comm
