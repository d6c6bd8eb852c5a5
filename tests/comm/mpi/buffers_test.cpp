#include "comm/mpi/buffers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace mvsgd::comm {
namespace {

constexpr std::size_t kSize = std::size_t{1} << 20U;

TEST(Buffers, GiveTheSameMemoryAgain) {
  const auto buffers = std::make_shared<Buffers>();
  SharedBytes first = buffers->share(buffers->take(kSize));
  const std::byte* const where = first->data();
  EXPECT_EQ(buffers->kept(), 0U);
  first.reset();
  EXPECT_EQ(buffers->kept(), kSize);
  const Buffers::Bytes again = buffers->take(kSize - 5);
  EXPECT_EQ(again.size(), kSize - 5);
  EXPECT_EQ(again.data(), where);
  EXPECT_EQ(buffers->kept(), 0U);
}

TEST(Buffers, KeepNoSmallOnesAndNoneForFarSmallerOnes) {
  const auto buffers = std::make_shared<Buffers>();
  buffers->put(buffers->take(Buffers::kLarge - 1));
  EXPECT_EQ(buffers->kept(), 0U);
  buffers->put(buffers->take(kSize));
  EXPECT_LT(buffers->take(kSize / 4).capacity(), kSize / 2);
}

// Two sizes in turns, of which neither fits the other: the first ones go.
TEST(Buffers, HoldNoMoreThanWasReadAtOnce) {
  const auto buffers = std::make_shared<Buffers>();
  std::vector<SharedBytes> read;
  read.reserve(6);
  for (int i = 0; i < 4; ++i) read.push_back(buffers->share(buffers->take(kSize)));
  read.clear();
  EXPECT_EQ(buffers->kept(), 4 * kSize);
  for (int i = 0; i < 6; ++i) {
    read.push_back(buffers->share(buffers->take(kSize / 4)));
    EXPECT_LE(buffers->kept() + read.size() * (kSize / 4), 4 * kSize);
  }
  EXPECT_EQ(buffers->kept(), 2 * kSize);
}

TEST(Buffers, KeepABoundedNumberOfBytes) {
  const auto buffers = std::make_shared<Buffers>();
  std::vector<SharedBytes> read;
  read.reserve(5);
  for (int i = 0; i < 5; ++i) read.push_back(buffers->share(buffers->take(Buffers::kKept / 4)));
  read.clear();
  EXPECT_EQ(buffers->kept(), Buffers::kKept);
}

TEST(Buffers, ForgetWhatHasWaitedForLong) {
  const auto buffers = std::make_shared<Buffers>();
  Buffers::Bytes early = buffers->take(kSize);
  Buffers::Bytes late = buffers->take(2 * kSize);
  buffers->put(std::move(early));
  const auto between = Buffers::Clock::now();
  buffers->put(std::move(late));
  buffers->forget(between);
  EXPECT_EQ(buffers->kept(), 2 * kSize);
  buffers->forget(Buffers::Clock::now() + std::chrono::seconds(1));
  EXPECT_EQ(buffers->kept(), 0U);
}

// One thread fills them and others read and put back, as the engine's and the ranks'; nobody's
// bytes are another's.
TEST(Buffers, ArePutBackByWhoeverReadsThem) {
  constexpr int kReaders = 3;
  constexpr int kMessages = 300;
  const auto buffers = std::make_shared<Buffers>();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < kReaders; ++reader) {
    std::vector<SharedBytes> messages;
    for (int i = 0; i < kMessages; ++i) {
      Buffers::Bytes bytes = buffers->take(Buffers::kLarge);
      std::ranges::fill(bytes, static_cast<std::byte>(i));
      messages.push_back(buffers->share(std::move(bytes)));
    }
    readers.emplace_back([&wrong, messages = std::move(messages)]() mutable {
      for (int i = 0; i < kMessages; ++i) {
        SharedBytes own = std::exchange(messages[static_cast<std::size_t>(i)], nullptr);
        if (std::ranges::count(*own, static_cast<std::byte>(i)) != std::ssize(*own)) ++wrong;
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(buffers->kept(), kReaders * kMessages * Buffers::kLarge);
  buffers->forget(Buffers::Clock::now() + std::chrono::seconds(1));
  EXPECT_EQ(buffers->kept(), 0U);
}

}  // namespace
}  // namespace mvsgd::comm
