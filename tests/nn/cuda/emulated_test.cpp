// Tier cuda_emulated: what only the cuda backend does, on the emulated device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "nn/cuda/cuda_backend.hpp"
#include "nn/resnet18.hpp"
#include "tests/cuda_emulation/device.hpp"
#include "tests/nn/cuda/model_graphs.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn::cuda {
namespace {

using nn::testing::all_near;
using nn::testing::make;
using nn::testing::read;
using nn::testing::uniform;
using ::testing::HasSubstr;

TEST(CudaBackend, AsksForTheGraphsThatAreKnownToBePlannable) {
  const std::int64_t width = 8;
  const std::int64_t batch = 2;
  CudaBackend backend({});
  ResNet18 net(backend, {.width = width});
  backend.write(net.parameters(), initial_parameters(resnet18_parameters({.width = width}), 1));
  backend.write(net.buffers(), initial_buffers(resnet18_buffers({.width = width})));
  static_cast<void>(net.train(uniform(batch * 3 * 1024, 2), std::vector<std::uint8_t>{3, 7}));
  std::set<std::string> known;
  const Target target{cudnnHandle_t{}};
  for (const auto& graph : testing::model_graphs(width, batch, Precision::fp32)) {
    known.insert(graph(target).text());
  }
  const std::vector<std::string> asked = backend.plans();
  EXPECT_EQ(std::set<std::string>(asked.begin(), asked.end()), known);
}

TEST(CudaBackend, NamesItsLibrariesAndItsDevice) {
  EXPECT_THAT(CudaBackend({}).version(),
              ::testing::AllOf(HasSubstr("cuDNN "), HasSubstr(", cuBLAS "),
                               ::testing::EndsWith(", emulated device (sm_90)")));
}

TEST(CudaBackend, SaysThatThereIsNoDevice) {
  cuda_emulation::set_devices(0);
  std::string said;
  try {
    static_cast<void>(make_cuda_backend());
  } catch (const UnavailableError& error) {
    said = error.what();
  }
  cuda_emulation::set_devices(1);
  EXPECT_EQ(said, "no CUDA device: no CUDA-capable device is detected");
}

TEST(CudaDevices, ThatAreNotThereAreRefused) {
  EXPECT_EQ(cuda_devices(), 1);
  EXPECT_THROW(static_cast<void>(make_cuda_backend({.device = 1})), std::invalid_argument);
}

// A 1x1 convolution and its gradients. Their terms are 1 times the products of x and dy as rounded
// by a precision.
class Precisions : public ::testing::Test {
 protected:
  static constexpr std::int64_t kCount = 64;
  const std::vector<float> x_ = uniform(kCount, 1);
  const std::vector<float> dy_ = uniform(kCount, 2);
  const Shape shape_{1, 1, 8, 8};

  struct Results {
    std::vector<float> y, dx, dw;
  };
  [[nodiscard]] Results compute(Precision precision) const {
    CudaBackend backend({.precision = precision});
    const Tensor x = make(backend, shape_, x_);
    const Tensor dy = make(backend, shape_, dy_);
    const Tensor w = make(backend, {1, 1, 1, 1}, {1});
    const Tensor dw = backend.allocate({1, 1, 1, 1});
    const Tensor y = backend.conv2d(x, w, {});
    const Tensor dx = backend.conv2d_backward_data(dy, w, shape_, {});
    backend.conv2d_backward_weights(x, dy, dw, Into::overwrite, {});
    return {read(backend, y), read(backend, dx), read(backend, dw)};
  }
  // Rounded to `bits` bits after the leading one, ties to even.
  static std::vector<float> rounded(std::vector<float> values, int bits) {
    const int dropped = 23 - bits;
    if (dropped == 0) return values;
    for (float& value : values) {
      auto word = std::bit_cast<std::uint32_t>(value);
      word += ((1U << (dropped - 1)) - 1) + (word >> dropped & 1);
      value = std::bit_cast<float>(word >> dropped << dropped);
    }
    return values;
  }
  [[nodiscard]] static double dot(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    }
    return sum;
  }
  void expect(Precision precision, int bits) const {
    const Results got = compute(precision);
    const std::vector<float> x = rounded(x_, bits);
    const std::vector<float> dy = rounded(dy_, bits);
    EXPECT_EQ(got.y, x);
    EXPECT_EQ(got.dx, dy);
    EXPECT_TRUE(all_near(got.dw, std::vector<double>{dot(x, dy)}, 0x1p-20));
  }
};

TEST_F(Precisions, Fp32RoundsNoFactor) { expect(Precision::fp32, 23); }
TEST_F(Precisions, Tf32RoundsFactorsTo10Bits) { expect(Precision::tf32, 10); }
TEST_F(Precisions, Bf16RoundsFactorsTo7Bits) { expect(Precision::bf16, 7); }

TEST(CudaTensors, OutliveTheirBackend) {
  Tensor x;
  {
    CudaBackend backend({});
    x = backend.global_average_pool(make(backend, {1, 1, 2, 2}, {1, -1, 2, -2}));
  }
  EXPECT_NO_THROW(x = {});
}

TEST(CudaTensors, HaveWhatWasWrittenWhateverBecomesOfItLater) {
  CudaBackend backend({});
  std::vector<float> values = {1, -2, 3};
  const Tensor x = make(backend, {3}, {0, 0, 0});
  backend.write(x, values);
  values.assign(3, 7);
  EXPECT_THAT(read(backend, x), ::testing::ElementsAre(1, -2, 3));
}

TEST(CudaTensors, OfOtherBackendsAreRefused) {
  CudaBackend backend({});
  EXPECT_THROW(
      static_cast<void>(backend.global_average_pool({.shape = {1, 1, 1, 2}, .storage = nullptr})),
      std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::nn::cuda
