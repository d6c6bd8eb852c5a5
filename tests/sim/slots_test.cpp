// Compute slots.
#include "sim/slots.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace mvsgd::sim {
namespace {

TEST(Slots, NeverHandsOutOneTwice) {
  constexpr std::size_t kSlots = 3;
  Slots slots(kSlots);
  std::vector<std::atomic<int>> holders(kSlots);
  std::atomic<bool> shared = false;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
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

TEST(Slots, NoneAtAllIsRefused) { EXPECT_THROW(Slots(0), std::invalid_argument); }

}  // namespace
}  // namespace mvsgd::sim
