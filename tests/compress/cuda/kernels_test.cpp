// Tier cuda_emulated: the kernels of a worker's update give the bits of compress/, for several
// schedules of the emulated device's threads.
#include "compress/cuda/kernels.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>

#include "compress/select/error_memory.hpp"
#include "compress/select/top_k.hpp"
#include "compress/values/fractional_quantizer.hpp"
#include "tests/cuda_emulation/device.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::compress::cuda {
namespace {

using nn::cuda::DeviceBuffer;
using nn::testing::uniform;

class OperatorKernels : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  OperatorKernels() { cuda_emulation::set_schedule(GetParam()); }

  std::shared_ptr<const Stream> stream_ = std::make_shared<const Stream>();

  template <typename T>
  [[nodiscard]] std::unique_ptr<DeviceBuffer> on_device(const std::vector<T>& values) const {
    auto buffer = std::make_unique<DeviceBuffer>(stream_, values.size() * sizeof(T));
    copy_to_device(*stream_, buffer->template as<void>(), values.data(), values.size() * sizeof(T));
    return buffer;
  }
  [[nodiscard]] std::vector<float> values(const DeviceBuffer& buffer, std::size_t count) const {
    std::vector<float> read(count);
    copy_to_host(*stream_, read.data(), buffer.as<void>(), count * sizeof(float));
    return read;
  }
  [[nodiscard]] std::vector<std::uint32_t> support(const std::vector<float>& x,
                                                   std::int64_t k) const {
    std::vector<std::uint32_t> members(static_cast<std::size_t>(k));
    static_cast<void>(top_k(stream_, static_cast<std::int64_t>(x.size()), on_device(x)->as<float>(),
                            k, members.data()));
    return members;
  }
};

INSTANTIATE_TEST_SUITE_P(Schedules, OperatorKernels, ::testing::Values(1, 2, 3));

// One of nine values, so that ties abound.
std::vector<float> tied(std::int64_t count, std::uint64_t seed) {
  std::vector<float> x = uniform(count, seed);
  for (float& value : x) value = std::round(4 * value) / 4;
  return x;
}

TEST_P(OperatorKernels, SupportsAreThoseOfTheProcessor) {
  for (const std::int64_t d : {1, 255, 4095, 4096, 4097, 20'001}) {
    for (const bool ties : {false, true}) {
      const std::vector<float> x = ties ? tied(d, 7) : uniform(d, 7);
      for (const std::int64_t k : {std::int64_t{0}, std::int64_t{1}, d / 100, d / 2, d - 1, d}) {
        EXPECT_EQ(support(x, k), compress::top_k_support(x, static_cast<std::size_t>(k)))
            << "d = " << d << ", k = " << k << (ties ? ", ties" : "");
      }
    }
  }
}

TEST_P(OperatorKernels, SupportsOfEqualAndOfExtremeMagnitudes) {
  EXPECT_EQ(support(std::vector<float>(5000), 3), (std::vector<std::uint32_t>{0, 1, 2}));
  const float denormal = std::numeric_limits<float>::denorm_min();
  const float most = std::numeric_limits<float>::max();
  EXPECT_EQ(support({-0.0F, denormal, -most, 0, most, -denormal}, 3),
            (std::vector<std::uint32_t>{1, 2, 4}));
}

TEST_P(OperatorKernels, RefusesWhatHasNoSupport) {
  for (const float value :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> x = uniform(300, 1);
    x[299] = value;
    EXPECT_THROW(static_cast<void>(support(x, 3)), std::invalid_argument);
  }
  EXPECT_THROW(static_cast<void>(support({1, 2}, 3)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(top_k(stream_, std::int64_t{1} << 32, nullptr, 0, nullptr)),
               std::invalid_argument);
}

TEST_P(OperatorKernels, DifferencesAndMemoriesAreThoseOfTheProcessor) {
  const std::int64_t d = 10'000;
  const std::vector<float> theta_h = uniform(d, 1);
  const std::vector<float> theta_0 = uniform(d, 2);
  std::vector<float> e = uniform(d, 3);
  const auto on_device_e = on_device(e);
  add_difference(d, on_device(theta_h)->as<float>(), on_device(theta_0)->as<float>(),
                 on_device_e->as<float>(), stream_->get());
  compress::add_difference(theta_h, theta_0, e);
  EXPECT_EQ(values(*on_device_e, e.size()), e);

  const std::vector<std::uint32_t> mask = compress::top_k_support(e, 321);
  const auto on_device_mask = on_device(mask);
  const auto count = static_cast<std::int64_t>(mask.size());
  const DeviceBuffer gathered(stream_, mask.size() * sizeof(float));
  gather(count, on_device_e->as<float>(), on_device_mask->as<std::uint32_t>(), gathered.as<float>(),
         stream_->get());
  std::vector<float> sent(mask.size());
  compress::gather(e, mask, sent);
  EXPECT_EQ(values(gathered, sent.size()), sent);

  for (float& value : sent) value *= 0.75F;
  const auto on_device_sent = on_device(sent);
  subtract_sent(count, on_device_mask->as<std::uint32_t>(), on_device_sent->as<float>(),
                on_device_e->as<float>(), stream_->get());
  compress::subtract_sent(mask, sent, e);
  EXPECT_EQ(values(*on_device_e, e.size()), e);

  scatter_add(count, on_device_mask->as<std::uint32_t>(), on_device_sent->as<float>(),
              on_device_e->as<float>(), stream_->get());
  compress::scatter_add(mask, sent, e);
  EXPECT_EQ(values(*on_device_e, e.size()), e);
}

TEST_P(OperatorKernels, TheKthMagnitudeIsThatOfTheProcessor) {
  const std::vector<float> x = uniform(10'000, 8);
  for (const std::int64_t k : {0, 1, 100, 10'000}) {
    std::vector<std::uint32_t> members(static_cast<std::size_t>(k));
    EXPECT_EQ(top_k(stream_, 10'000, on_device(x)->as<float>(), k, members.data()),
              compress::top_k_support(x, static_cast<std::size_t>(k), {}).magnitude)
        << "k = " << k;
  }
}

TEST_P(OperatorKernels, FindsTheFirstThatIsNotFinite) {
  std::vector<float> x = uniform(10'000, 9);
  const auto first = [&] { return first_not_finite(stream_, 10'000, on_device(x)->as<float>()); };
  EXPECT_EQ(first(), 10'000);
  x[9'999] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(first(), 9'999);
  x[17] = -std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(first(), 17);
}

TEST_P(OperatorKernels, QuantisedValuesAreThoseOfTheProcessor) {
  std::vector<float> v = uniform(2'500, 5);
  v[17] = 0;
  v[18] = -0.0F;
  // With q = 2 all values but the first are in one level. The mean of 1, 2^-24 and 4,094 small ones
  // is half way between two floats, unless the small ones are summed before they meet the 1.
  std::vector<float> far(4'097, 0x1p-60F);
  far[0] = 0x1p60F;
  far[1] = 1;
  far[2] = 0x1p-24F;
  for (const unsigned q : {2U, 4U, 8U}) {
    for (const auto& values : {v, far, std::vector<float>(300)}) {
      const compress::FractionalQuantizer quantizer(q);
      const auto given = on_device(values);
      const auto count = static_cast<std::int64_t>(values.size());
      const std::array<float, 2> ends = extremes(stream_, count, given->as<float>());
      // The boundaries are a function of the extremes alone, so the processor needs no other value.
      const std::vector<double> boundaries = quantizer.boundaries(ends);
      ASSERT_EQ(boundaries, quantizer.boundaries(values));
      compress::Quantized got{.codes = std::vector<std::uint8_t>(values.size()),
                              .magnitudes = std::vector<float>(boundaries.size())};
      quantize(stream_, count, given->as<float>(), ends, boundaries, got.codes.data(),
               got.magnitudes.data());
      const compress::Quantized want = quantizer.quantize(values);
      EXPECT_EQ(got.codes, want.codes) << "q = " << q;
      EXPECT_EQ(got.magnitudes, want.magnitudes) << "q = " << q;
    }
  }
}

TEST_P(OperatorKernels, RefusesToQuantiseWhatIsNotFinite) {
  const auto given = on_device(std::vector<float>{1, std::numeric_limits<float>::infinity()});
  EXPECT_THROW(static_cast<void>(extremes(stream_, 2, given->as<float>())), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress::cuda
