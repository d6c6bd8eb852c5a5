// The emulated device finds the faults for which it exists: missing barriers and initialisations,
// work that does not wait, and pointers to the wrong memory.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "nn/backend.hpp"
#include "nn/cuda/launch.cuh"
#include "nn/cuda/runtime.hpp"

namespace mvsgd::nn::cuda {
namespace {

class Emulation : public ::testing::Test {
 protected:
  std::shared_ptr<const Stream> stream_ = std::make_shared<const Stream>();

  [[nodiscard]] std::vector<float> values(const DeviceBuffer& buffer, std::size_t count) const {
    std::vector<float> read(count);
    copy_to_host(*stream_, read.data(), buffer.as<void>(), count * sizeof(float));
    return read;
  }
};

// Each thread gets its neighbour's index through shared memory, with a barrier between or without.
template <bool Barrier>
void tell_neighbour(float* to) {
  __shared__ float told[64];
  told[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (Barrier) __syncthreads();
  to[threadIdx.x] = told[(threadIdx.x + 33) % 64];
}

TEST_F(Emulation, ABarrierThatIsMissingShows) {
  const DeviceBuffer to(stream_, 64 * sizeof(float));
  launch(tell_neighbour<true>, 1, 64, stream_->get(), to.as<float>());
  std::vector<float> want(64);
  for (std::size_t i = 0; i < 64; ++i) want[i] = static_cast<float>((i + 33) % 64);
  EXPECT_EQ(values(to, 64), want);
  launch(tell_neighbour<false>, 1, 64, stream_->get(), to.as<float>());
  EXPECT_NE(values(to, 64), want);
}

void half_waits() {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    __ballot_sync(~0U, 1);
  }
}

TEST_F(Emulation, ABarrierThatHalfOfABlockReachesIsAnError) {
  launch(half_waits, 1, 64, stream_->get());
  EXPECT_THROW(stream_->synchronize(), BackendError);
  EXPECT_NO_THROW(stream_->synchronize());
}

TEST_F(Emulation, MemoryHoldsNoNumbersUntilTheyAreWritten) {
  const DeviceBuffer buffer(stream_, 4 * sizeof(float));
  for (const float value : values(buffer, 4)) EXPECT_TRUE(std::isnan(value));
  buffer.fill_zero();
  EXPECT_EQ(values(buffer, 4), std::vector<float>(4));
}

TEST_F(Emulation, HostMemoryIsNotTheDevices) {
  std::vector<float> here(4);
  EXPECT_EQ(cudaMemsetAsync(here.data(), 0, 4, stream_->get()), cudaErrorInvalidValue);
  const DeviceBuffer buffer(stream_, 4 * sizeof(float));
  EXPECT_EQ(
      cudaMemcpyAsync(here.data(), buffer.as<void>(), 4, cudaMemcpyHostToDevice, stream_->get()),
      cudaErrorInvalidValue);
  EXPECT_DEATH(static_cast<void>(*static_cast<volatile float*>(buffer.as<float>())), "");
}

TEST_F(Emulation, APlainCopyReadsTheHostsMemoryAfterItHasReturned) {
  const DeviceBuffer buffer(stream_, sizeof(float));
  float here = 1;
  ASSERT_EQ(cudaMemcpyAsync(buffer.as<void>(), &here, sizeof(here), cudaMemcpyHostToDevice,
                            stream_->get()),
            cudaSuccess);
  here = 2;
  EXPECT_EQ(values(buffer, 1)[0], 2);
}

void write_one(float* to) { *to = 1; }

TEST_F(Emulation, WorkOfAnotherStreamIsNotWaitedFor) {
  const DeviceBuffer buffer(stream_, sizeof(float));
  const auto other = std::make_shared<const Stream>();
  bool late = false;
  for (int i = 0; i < 100 && !late; ++i) {
    buffer.fill_zero();
    stream_->synchronize();
    launch(write_one, 1, 1, other->get(), buffer.as<float>());
    late = values(buffer, 1)[0] == 0;
    other->synchronize();
  }
  EXPECT_TRUE(late);
}

void add_one(float* to) { *to += 1; }

TEST_F(Emulation, RecordedWorkIsDoneWhenItIsLaunchedAndNotBefore) {
  const DeviceBuffer buffer(stream_, sizeof(float));
  buffer.fill_zero();
  const RecordedWork work(*stream_,
                          [&] { launch(add_one, 1, 1, stream_->get(), buffer.as<float>()); });
  EXPECT_EQ(values(buffer, 1)[0], 0);
  work.launch(*stream_);
  work.launch(*stream_);
  EXPECT_EQ(values(buffer, 1)[0], 2);
}

TEST_F(Emulation, RecordedWorkFindsNoNumbersInTheMemoryThatItTakes) {
  const DeviceBuffer buffer(stream_, sizeof(float));
  const RecordedWork work(*stream_, [&] {
    const DeviceBuffer taken(stream_, sizeof(float));
    launch(add_one, 1, 1, stream_->get(), taken.as<float>());
    copy_on_device(*stream_, buffer.as<void>(), taken.as<void>(), sizeof(float));
  });
  for (int i = 0; i < 2; ++i) {
    buffer.fill_zero();
    work.launch(*stream_);
    EXPECT_TRUE(std::isnan(values(buffer, 1)[0]));
  }
}

TEST_F(Emulation, RecordedWorkThatKeepsMemoryIsNotLaunchedTwice) {
  std::shared_ptr<DeviceBuffer> kept;
  const RecordedWork work(*stream_,
                          [&] { kept = std::make_shared<DeviceBuffer>(stream_, sizeof(float)); });
  EXPECT_NO_THROW(work.launch(*stream_));
  EXPECT_THROW(work.launch(*stream_), BackendError);
}

TEST_F(Emulation, WhatCannotBeRecordedIsAnErrorAndLeavesTheStreamAsItWas) {
  auto before = std::make_shared<DeviceBuffer>(stream_, sizeof(float));
  const DeviceBuffer buffer(stream_, sizeof(float));
  const Stream other;
  float here = 7;
  const std::vector<std::function<void()>> works{
      [&] { before.reset(); },
      [&] { stream_->synchronize(); },
      [&] { copy_to_device(*stream_, buffer.as<void>(), &here, sizeof(here)); },
      [&] { copy_to_host(*stream_, &here, buffer.as<void>(), sizeof(here)); },
      [&] { other.wait_for(*stream_); },
      [&] { stream_->wait_for(other); },
      [&] { throw BackendError("of its own"); }};
  for (std::size_t i = 0; i < works.size(); ++i) {
    EXPECT_THROW(RecordedWork(*stream_, works[i]), BackendError) << i;
    copy_to_device(*stream_, buffer.as<void>(), &here, sizeof(here));
    EXPECT_EQ(values(buffer, 1)[0], 7) << i;
  }
}

}  // namespace
}  // namespace mvsgd::nn::cuda
