// The emulated device finds what it is for: barriers and initialisations that are not there, work
// that does not wait, and pointers to the wrong memory.
#include <gtest/gtest.h>

#include <cmath>
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

// Each thread's neighbour's index, by way of shared memory, with a barrier between or without.
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

}  // namespace
}  // namespace mvsgd::nn::cuda
