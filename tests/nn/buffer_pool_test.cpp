#include "nn/buffer_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace mvsgd::nn {
namespace {

TEST(BufferPool, HandsOutWhatCameBackForTheSameSize) {
  const auto pool = BufferPool::make();
  const float* first = pool->take(1000).get();
  const std::size_t bytes = pool->bytes();
  EXPECT_GE(bytes, 1000 * sizeof(float));
  const std::shared_ptr<float> again = pool->take(1000);
  EXPECT_EQ(again.get(), first);
  EXPECT_EQ(pool->bytes(), bytes);
}

TEST(BufferPool, NeverHandsOutWhatIsInUse) {
  const auto pool = BufferPool::make();
  const std::shared_ptr<float> one = pool->take(100);
  const std::shared_ptr<float> other = pool->take(100);
  std::fill_n(one.get(), 100, 1.0F);
  std::fill_n(other.get(), 100, 2.0F);
  EXPECT_EQ(std::count(one.get(), one.get() + 100, 1.0F), 100);
}

// Buffers of the sizes that share memory, and more of them than fit one piece.
TEST(BufferPool, BuffersNeverOverlap) {
  const auto pool = BufferPool::make();
  std::vector<std::shared_ptr<float>> buffers;
  const auto floats = [](int i) -> std::int64_t { return 150'001 + i % 3 * 100'000; };
  for (int i = 0; i < 40; ++i) {
    buffers.push_back(pool->take(floats(i)));
    std::fill_n(buffers.back().get(), floats(i), static_cast<float>(i));
  }
  for (int i = 0; i < 40; ++i) {
    const float* const first = buffers[static_cast<std::size_t>(i)].get();
    EXPECT_EQ(std::count(first, first + floats(i), static_cast<float>(i)), floats(i)) << i;
  }
}

TEST(BufferPool, AlignsToCacheLines) {
  const auto pool = BufferPool::make();
  for (const std::int64_t count : {0, 1, 15, 16, 17, 1000, 100'000, 100'001}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pool->take(count).get()) % BufferPool::kAlignment,
              0U);
  }
}

TEST(BufferPool, LivesUntilItsLastBuffer) {
  auto pool = BufferPool::make();
  const std::weak_ptr<BufferPool> watch = pool;
  std::shared_ptr<float> buffer = pool->take(100);
  pool.reset();
  std::fill_n(buffer.get(), 100, 1.0F);
  EXPECT_FALSE(watch.expired());
  buffer.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(BufferPool, TakesBackFromAnyThread) {
  const auto pool = BufferPool::make();
  constexpr int kRounds = 1000;
  std::thread other;
  for (int i = 0; i < kRounds; ++i) {
    std::shared_ptr<float> buffer = pool->take(64);
    if (other.joinable()) other.join();
    other = std::thread([given = std::move(buffer)]() mutable { given.reset(); });
  }
  other.join();
  // At most one in use here and one on its way back.
  EXPECT_LE(pool->bytes(), 2 * (64 * sizeof(float) + BufferPool::kAlignment));
}

TEST(BufferPool, FreesWhatNobodyAskedForInALongTime) {
  const auto pool = BufferPool::make();
  static_cast<void>(pool->take(1 << 20));
  for (std::uint64_t i = 0; i < BufferPool::kIdleTakes; ++i) static_cast<void>(pool->take(10));
  EXPECT_GE(pool->bytes(), sizeof(float) << 20U);
  static_cast<void>(pool->take(10));
  EXPECT_LT(pool->bytes(), 1000U);
}

}  // namespace
}  // namespace mvsgd::nn
