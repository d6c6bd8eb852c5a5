// When the thread that calls MPI looks and how long it sleeps, by a clock of the test's own.
#include "comm/mpi/pace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace mvsgd::comm {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;
using Microseconds = Pace::Microseconds;

constexpr Pace::Load kNothing{};
constexpr Pace::Load kSending{.is_sending = true};
constexpr Pace::Load kReceiving{.is_receiving = true};
constexpr Pace::Load kBoth{.is_sending = true, .is_receiving = true};

constexpr int kMostTurns = 100'000;

/// A thread that sleeps exactly as long as it is told, and does nothing else that takes time.
class Thread {
 public:
  explicit Thread(bool reach_all) : pace_(reach_all, now_) {}

  void ring() { ++heard_; }
  /// Whether it has looked.
  bool turn(Pace::Load load, bool has_moved = false) {
    const bool looks = pace_.looks(now_, heard_, load);
    const Microseconds pause = pace_.sleep(now_, has_moved, load);
    slept_.push_back(pause);
    now_ += pause;
    if (!has_moved) pace_.wake(false);
    return looks;
  }
  /// Sockets tell of a message, or nobody does, and it looks.
  void finds(bool told) {
    if (told) ring();
    while (!turn(kNothing)) continue;
    pace_.learn(now_, {.told = told, .from_far = true});
  }
  /// They tell of bytes which are no message yet.
  void is_told_early() {
    ring();
    turn(kNothing);
    pace_.learn(now_, {.told = true, .from_far = false});
    pace_.wake(true);
  }
  void doubt() { pace_.doubt(now_); }
  /// How often it looks in so long.
  int looks_within(std::chrono::milliseconds time, Pace::Load load) {
    int looks = 0;
    const Pace::Time end = now_ + time;
    for (int turns = 0; now_ < end && turns < kMostTurns; ++turns) looks += turn(load) ? 1 : 0;
    EXPECT_GE(now_, end) << "it does not sleep";
    return looks;
  }
  /// The sleeps of a turn in which something moves and of so many in which nothing does.
  std::vector<Microseconds> slept(Pace::Load load, int turns) {
    slept_.clear();
    turn(load, true);
    while (turns-- > 0) turn(load);
    return slept_;
  }
  std::vector<Microseconds> take_slept() { return std::exchange(slept_, {}); }

 private:
  Pace::Time now_ = Pace::Time(1h);
  Pace pace_;
  std::uint32_t heard_ = 0;
  std::vector<Microseconds> slept_;
};

TEST(Pace, LooksThreeTimesASecondThoughNobodyHasAsked) {
  Thread thread(true);
  thread.turn(kNothing);
  thread.take_slept();
  EXPECT_EQ(thread.looks_within(30s, kNothing), 100);
  EXPECT_THAT(thread.take_slept(), Each(100ms));
}

TEST(Pace, LooksOnceForWhatItsBellHasSaid) {
  Thread thread(true);
  thread.turn(kNothing);
  EXPECT_FALSE(thread.turn(kNothing));
  for (int times = 1; times <= 3; ++times) {
    for (int i = 0; i < times; ++i) thread.ring();
    EXPECT_TRUE(thread.turn(kNothing));
    EXPECT_FALSE(thread.turn(kNothing));
  }
}

TEST(Pace, CountsTheTimeToTheNextUnaskedLookFromTheLastOne) {
  Thread thread(true);
  thread.turn(kNothing);
  EXPECT_EQ(thread.looks_within(200ms, kNothing), 0);
  thread.ring();
  EXPECT_EQ(thread.looks_within(300ms, kNothing), 1);
  EXPECT_TRUE(thread.turn(kNothing));
}

TEST(Pace, LooksInEachTurnWhileAnythingIsOnItsWayOrNotAllRing) {
  for (const Pace::Load load : {kSending, kReceiving, kBoth}) {
    Thread thread(true);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(thread.turn(load));
  }
  Thread thread(false);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(thread.turn(kNothing));
}

TEST(Pace, SleepsNotAfterATurnInWhichSomethingHasMoved) {
  for (const bool reach_all : {false, true}) {
    for (const Pace::Load load : {kNothing, kSending, kReceiving, kBoth}) {
      Thread thread(reach_all);
      EXPECT_THAT(thread.slept(load, 0), ElementsAre(0us));
    }
  }
}

TEST(Pace, SleepsTwiceAsLongEachTimeUpToAMillisecondWhereNothingNeedsItsCalls) {
  const auto expected =
      ElementsAre(0us, 20us, 40us, 80us, 160us, 320us, 640us, 900us, 900us, 900us);
  EXPECT_THAT(Thread(true).slept(kSending, 9), expected);
  EXPECT_THAT(Thread(false).slept(kNothing, 9), expected);
}

TEST(Pace, SleepsATenthOfThatWhileBytesNeedItsCalls) {
  const auto expected = ElementsAre(0us, 20us, 40us, 80us, 100us, 100us, 100us);
  for (const Pace::Load load : {kReceiving, kBoth}) {
    EXPECT_THAT(Thread(true).slept(load, 6), expected);
    EXPECT_THAT(Thread(false).slept(load, 6), expected);
  }
  EXPECT_THAT(Thread(false).slept(kSending, 6), expected);
}

// As those to a process that is stopped.
TEST(Pace, TakesBytesThatHaveNotMovedForLongForNoReasonToHurry) {
  Thread thread(true);
  thread.slept(kReceiving, 1);
  thread.looks_within(20ms, kReceiving);
  thread.take_slept();
  for (int i = 0; i < 6; ++i) thread.turn(kReceiving);
  EXPECT_THAT(thread.take_slept(), ElementsAre(200us, 400us, 800us, 900us, 900us, 900us));
  EXPECT_THAT(thread.slept(kReceiving, 5), ElementsAre(0us, 20us, 40us, 80us, 100us, 100us));
}

TEST(Pace, SleepsAHalfPercentOfALongWaitAndFiveMillisecondsAtMost) {
  for (const auto& [reach_all, load] : {std::pair(false, kNothing), std::pair(true, kSending)}) {
    Thread thread(reach_all);
    thread.slept(load, 1);
    thread.looks_within(600ms, load);
    thread.take_slept();
    thread.turn(load);
    const Microseconds after_600_ms = thread.take_slept().front();
    EXPECT_GE(after_600_ms, 3000us);
    EXPECT_LE(after_600_ms, 3020us);
    thread.looks_within(2s, load);
    thread.take_slept();
    EXPECT_EQ(thread.looks_within(1s, load), 200);
    EXPECT_THAT(thread.take_slept(), Each(5ms));
  }
}

/// Of a process with others that do not ring, whose sockets have told of messages enough.
Thread with_sockets() {
  Thread thread(false);
  thread.looks_within(1s, kNothing);
  for (int i = 0; i < Pace::kProofs; ++i) thread.finds(true);
  return thread;
}

TEST(Pace, LooksThreeTimesASecondWhereSocketsHaveToldOfMessages) {
  Thread thread = with_sockets();
  thread.turn(kNothing);
  thread.take_slept();
  EXPECT_EQ(thread.looks_within(30s, kNothing), 100);
  EXPECT_THAT(thread.take_slept(), Each(100ms));
  thread.finds(true);
  EXPECT_EQ(thread.looks_within(300ms, kNothing), 1);
}

TEST(Pace, TakesThreeMessagesForAProof) {
  Thread thread(false);
  thread.looks_within(1s, kNothing);
  for (int i = 1; i < Pace::kProofs; ++i) thread.finds(true);
  EXPECT_GE(thread.looks_within(10s, kNothing), 2000);
  for (int i = 0; i < 10; ++i) thread.finds(false);
  EXPECT_GE(thread.looks_within(10s, kNothing), 2000);
  thread.finds(true);
  EXPECT_LE(thread.looks_within(10s, kNothing), 34);
}

TEST(Pace, LooksAsBeforeAfterAMessageThatNobodyHasToldOf) {
  Thread thread = with_sockets();
  thread.finds(false);
  EXPECT_GE(thread.looks_within(10s, kNothing), 2000);
  for (int i = 0; i < Pace::kProofs; ++i) thread.finds(true);
  EXPECT_LE(thread.looks_within(10s, kNothing), 34);
}

// It may come while the thread looks for another.
TEST(Pace, DoubtsNotForAMessageThatItFindsByChance) {
  Pace pace(false, Pace::Time(0s));
  std::uint32_t heard = 0;
  const Pace::Time now(1h);
  for (int i = 0; i < Pace::kProofs; ++i) {
    EXPECT_TRUE(pace.looks(now, ++heard, kNothing));
    pace.learn(now, {.told = true, .from_far = true});
  }
  EXPECT_TRUE(pace.looks(now, ++heard, kNothing));
  pace.learn(now, {.told = false, .from_far = true});
  EXPECT_FALSE(pace.looks(now, heard, kNothing));
  EXPECT_TRUE(pace.looks(now, heard, kSending));
  pace.learn(now, {.told = false, .from_far = true});
  EXPECT_FALSE(pace.looks(now, heard, kNothing));
}

TEST(Pace, LooksAsBeforeForAWhileAfterANewSocket) {
  Thread thread = with_sockets();
  thread.turn(kNothing);
  thread.doubt();
  EXPECT_GE(thread.looks_within(400ms, kNothing), 80);
  EXPECT_LE(thread.looks_within(10s, kNothing), 34);
}

TEST(Pace, LooksAFewTimesForAMessageThatIsNotThereYet) {
  Thread thread = with_sockets();
  thread.turn(kNothing);
  thread.is_told_early();
  thread.take_slept();
  for (int i = 0; i < 8; ++i) thread.turn(kNothing);
  EXPECT_THAT(thread.take_slept(),
              ElementsAre(20us, 40us, 80us, 160us, 320us, 640us, 900us, 900us));
  EXPECT_EQ(thread.looks_within(250ms, kNothing), 0);
  thread.is_told_early();
  thread.finds(false);
  EXPECT_EQ(thread.looks_within(250ms, kNothing), 0);
}

TEST(Pace, KnowsNoSocketsWhereAllRing) {
  Thread thread(true);
  thread.finds(false);
  thread.is_told_early();
  thread.doubt();
  EXPECT_EQ(thread.looks_within(150ms, kNothing), 0);
}

TEST(Pace, BeginsAtTheShortestSleepAgainWhenItsBellHasEndedOne) {
  Pace pace(true, Pace::Time(1h));
  const auto sleep = [&] { return pace.sleep(Pace::Time(1h), false, kSending); };
  for (const Microseconds each : {20us, 40us, 80us}) {
    EXPECT_EQ(sleep(), each);
    pace.wake(false);
  }
  EXPECT_EQ(sleep(), 160us);
  pace.wake(true);
  EXPECT_EQ(sleep(), 20us);
}

TEST(Pace, SleepsNoLongerThanWhatComesAllows) {
  Pace pace(true, Pace::Time(1h));
  EXPECT_EQ(pace.sleep(Pace::Time(1h), false, kNothing), 100ms);
  pace.wake(false);
  EXPECT_EQ(pace.sleep(Pace::Time(1h), false, kReceiving), 100us);
}

}  // namespace
}  // namespace mvsgd::comm
