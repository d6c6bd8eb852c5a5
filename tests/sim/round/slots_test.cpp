// Compute slots.
#include "sim/round/slots.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace mvsgd::sim {
namespace {

/// Time for a thread to reach its wait. If it takes longer, the test shows less but does not fail.
constexpr std::chrono::milliseconds kLongEnoughToWait(50);

TEST(Slots, NeverHandsOutOneTwice) {
  constexpr std::size_t kSlots = 3;
  Slots slots(kSlots);
  std::vector<std::atomic<int>> holders(kSlots);
  std::atomic<bool> shared = false;
  {
    constexpr int kThreads = 8;
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          const Slots::Lease lease(slots);
          if (++holders[lease.index()] != 1) shared = true;
          std::this_thread::yield();
          --holders[lease.index()];
        }
      });
    }
  }
  EXPECT_FALSE(shared);
}

TEST(Slots, OfADeviceGoToTheWorkersThatAreOnIt) {
  Slots slots(4, 2);
  const Slots::Lease first(slots, 1);
  const Slots::Lease second(slots, 3);
  EXPECT_EQ(first.index(), 1U);
  EXPECT_EQ(second.index(), 3U);
  std::atomic<bool> leased = false;
  std::jthread waiting;
  {
    const Slots::Lease other(slots, 2);
    EXPECT_EQ(other.index(), 0U);
    waiting = std::jthread([&] {
      const Slots::Lease one(slots, 4);
      const Slots::Lease another(slots, 0);
      EXPECT_EQ(one.index() % 2, 0U);
      EXPECT_EQ(another.index() % 2, 0U);
      leased = true;
    });
    std::this_thread::sleep_for(kLongEnoughToWait);
    EXPECT_FALSE(leased);
  }
  waiting.join();
  EXPECT_TRUE(leased);
}

TEST(Slots, OfTwoThatWaitTheOneWhoseDeviceIsFreeGetsIt) {
  Slots slots(2, 2);
  auto of_device_0 = std::make_unique<Slots::Lease>(slots, 0);
  auto of_device_1 = std::make_unique<Slots::Lease>(slots, 1);
  std::promise<void> second_has_its_slot;
  std::jthread first([&] { const Slots::Lease slot(slots, 0); });
  std::this_thread::sleep_for(kLongEnoughToWait);
  std::jthread second([&] {
    const Slots::Lease slot(slots, 1);
    second_has_its_slot.set_value();
  });
  std::this_thread::sleep_for(kLongEnoughToWait);
  of_device_1.reset();
  EXPECT_EQ(second_has_its_slot.get_future().wait_for(std::chrono::seconds(100)),
            std::future_status::ready);
  of_device_0.reset();
}

TEST(Slots, NoneAtAllIsRefused) { EXPECT_THROW(Slots(0), std::invalid_argument); }

TEST(Slots, FewerThanDevicesAreRefused) { EXPECT_THROW(Slots(1, 2), std::invalid_argument); }

}  // namespace
}  // namespace mvsgd::sim
