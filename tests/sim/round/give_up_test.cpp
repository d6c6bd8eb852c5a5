// When a rank that must not go alone may go: all have begun its round.
#include "sim/round/give_up.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

namespace mvsgd::sim {
namespace {

using std::chrono_literals::operator""ms;  // NOLINT(misc-unused-using-decls): 20ms uses it

TEST(GiveUp, AWaitOfAPartEndsWhenWhoCountsAllRanksHasSaidSo) {
  GiveUp all({}, 3);
  GiveUp part({}, 1);
  std::promise<void> asked;
  int begun = 0;
  part.tell({.begun = [&] { ++begun; }, .given_up = {}, .waits = [&] { asked.set_value(); }});
  part.begin_round();
  EXPECT_EQ(begun, 1);
  all.begin_round();  // as a message between processes says: neither lock is held
  std::atomic<bool> goes_on = false;
  std::jthread waiting([&] {
    part.wait_for_all();
    goes_on = true;
  });
  asked.get_future().wait();
  int told = 0;
  all.when_all_have_begun([&] {
    ++told;
    part.all_have_begun();
  });
  all.begin_round();
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(told, 0);
  EXPECT_FALSE(goes_on);
  all.begin_round();
  EXPECT_EQ(told, 1);
  waiting.join();
  EXPECT_TRUE(goes_on);
  // Who asks later is told at once, and nobody twice.
  bool at_once = false;
  all.when_all_have_begun([&] { at_once = true; });
  EXPECT_TRUE(at_once);
  for (int rank = 0; rank < 3; ++rank) all.begin_round();
  EXPECT_EQ(told, 1);
}

TEST(GiveUp, AWaitOfAPartEndsWhereARankHasLeft) {
  GiveUp part({}, 2);
  std::promise<void> asked;
  part.tell({.begun = {}, .given_up = {}, .waits = [&] { asked.set_value(); }});
  std::jthread waiting([&] { part.wait_for_all(); });
  asked.get_future().wait();
  part.leave();
  waiting.join();
}

}  // namespace
}  // namespace mvsgd::sim
