// Tier cuda_emulated: a worker's operators share tensors with backends on other streams, in order.
#include "compress/cuda/cuda_operators.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "compress/cuda/make_cuda_operators.hpp"
#include "compress/select/error_memory.hpp"
#include "compress/values/scaled_sign.hpp"
#include "nn/cuda/cuda_backend.hpp"
#include "tests/cuda_emulation/device.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::compress::cuda {
namespace {

using nn::Tensor;
using nn::cuda::CudaBackend;
using nn::testing::make;
using nn::testing::read;
using nn::testing::uniform;

struct Order {
  std::uint64_t schedule;
  int device;
};

/// Two devices while it lives.
struct TwoDevices {
  explicit TwoDevices(std::uint64_t schedule) {
    cuda_emulation::set_devices(2);
    cuda_emulation::set_schedule(schedule);
  }
  ~TwoDevices() { cuda_emulation::set_devices(1); }
  TwoDevices(const TwoDevices&) = delete;
  TwoDevices& operator=(const TwoDevices&) = delete;
};

class OperatorsOnADevice : public ::testing::TestWithParam<Order> {
 protected:
  TwoDevices devices_{GetParam().schedule};
  static constexpr std::int64_t kD = 3'000;
  CudaBackend slot_{{.device = GetParam().device}};
  std::unique_ptr<DeviceOperators> worker_ = make_cuda_operators(GetParam().device);
  CudaBackend elsewhere_{{.device = 1 - GetParam().device}};

  [[nodiscard]] std::vector<float> read_flat(const DeviceArray& x) {
    std::vector<float> values(x.size);
    worker_->read(x, values);
    return values;
  }
};

INSTANTIATE_TEST_SUITE_P(Orders, OperatorsOnADevice,
                         ::testing::Values(Order{1, 0}, Order{2, 0}, Order{3, 1}, Order{4, 1}));

// Rounds as workers and a slot have them, several times over: one stream reads what the other
// writes.
TEST_P(OperatorsOnADevice, WaitForASlotAndTheSlotForThem) {
  const float rate = 0.5F;
  std::vector<float> theta = uniform(kD, 1);
  std::vector<float> e = uniform(kD, 2);
  const std::vector<float> g = uniform(kD, 3);
  const DeviceArray on_theta = worker_->upload(theta);
  const DeviceArray on_e = worker_->upload(e);
  const std::vector<std::uint32_t> mask{0, 7, 8, 2'999};
  slot_.enter(1);
  const Tensor gradient = make(slot_, {kD}, g);
  const Tensor parameters = slot_.allocate({kD});
  const DeviceArray theta_h = cuda_array(parameters);
  for (int round = 0; round < 10; ++round) {
    worker_->copy(theta_h, on_theta);
    slot_.sgd_step(parameters, gradient, rate, 0);
    worker_->add_difference(theta_h, on_theta, on_e);
    slot_.fill_zero(parameters);  // as another worker's round would overwrite it
    const std::vector<float> sent{1, 2, 3, static_cast<float>(round)};
    worker_->subtract_sent(mask, sent, on_e);
    worker_->scatter_add(mask, sent, on_theta);

    std::vector<float> moved = theta;
    for (std::size_t i = 0; i < moved.size(); ++i) moved[i] -= rate * g[i];
    compress::add_difference(moved, theta, e);
    compress::subtract_sent(mask, sent, e);
    compress::scatter_add(mask, sent, theta);
  }
  EXPECT_EQ(read_flat(on_e), e);
  EXPECT_EQ(read_flat(on_theta), theta);
}

TEST_P(OperatorsOnADevice, MoveAndScaleWholeArrays) {
  const std::vector<float> x = uniform(kD, 4);
  const DeviceArray a = worker_->upload(x);
  const DeviceArray b = worker_->upload(std::vector<float>(kD));
  worker_->write(b, x);
  elsewhere_.enter(1);  // the thread may have used the other device in between
  worker_->accumulate(b, a);
  worker_->scale(b, 0.1F);
  std::vector<float> want = x;
  for (float& value : want) value = 0.1F * (value + value);
  EXPECT_EQ(read_flat(b), want);
  worker_->fill_zero(b);
  EXPECT_EQ(read_flat(b), std::vector<float>(kD));
}

// A convolution reads copies of weights in its own layout, so a write to the plain weights must be
// reported.
TEST_P(OperatorsOnADevice, WhatTheyWriteToWeightsIsWhatAConvolutionReads) {
  slot_.enter(1);
  const Tensor x = make(slot_, {1, 1, 1, 1}, {3});
  const Tensor w = slot_.allocate({1, 1, 1, 1});
  EXPECT_EQ(read(slot_, slot_.conv2d(x, w, {})), std::vector<float>{0});
  worker_->write(cuda_array(w), std::vector<float>{2});
  EXPECT_EQ(read(slot_, slot_.conv2d(x, w, {})), std::vector<float>{6});
}

TEST_P(OperatorsOnADevice, RefuseWhatDoesNotFit) {
  const DeviceArray x = worker_->upload(std::vector<float>{1, 2, 3});
  std::vector<float> two(2);
  EXPECT_THROW(worker_->read(x, two), std::invalid_argument);
  EXPECT_THROW(worker_->write(x, two), std::invalid_argument);
  EXPECT_THROW(worker_->copy(x, worker_->upload(two)), std::invalid_argument);
  EXPECT_THROW(worker_->gather(x, std::vector<std::uint32_t>{1}, two), std::invalid_argument);
  EXPECT_THROW(worker_->gather(x, std::vector<std::uint32_t>{1, 3}, two), std::invalid_argument);
  EXPECT_THROW(worker_->subtract_sent(std::vector<std::uint32_t>{3}, std::vector<float>{1}, x),
               std::invalid_argument);
  EXPECT_THROW(worker_->scatter_add(std::vector<std::uint32_t>{3}, std::vector<float>{1}, x),
               std::invalid_argument);
  EXPECT_THROW(static_cast<void>(worker_->top_k(x, 4)), std::invalid_argument);
  EXPECT_THROW(
      static_cast<void>(worker_->quantize(x, std::vector<std::uint32_t>{1}, ScaledSign(0))),
      std::invalid_argument);
}

TEST_P(OperatorsOnADevice, RefuseWhatIsNoArrayOfTheirs) {
  std::vector<float> one(1);
  EXPECT_THROW(worker_->read({.size = 1, .memory = nullptr}, one), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(cuda_array(Tensor{})), std::invalid_argument);
  slot_.enter(1);
  const Tensor x = make(slot_, {1, 1, 1, 1}, {3});
  const Tensor in_channels = slot_.conv2d(x, x, {});
  EXPECT_THROW(static_cast<void>(cuda_array(in_channels)), std::invalid_argument);
}

TEST(CudaOperators, AreRefusedWhereThereIsNoDevice) {
  cuda_emulation::set_devices(0);
  EXPECT_THROW(static_cast<void>(make_cuda_operators(0)), nn::UnavailableError);
  cuda_emulation::set_devices(1);
}

}  // namespace
}  // namespace mvsgd::compress::cuda
