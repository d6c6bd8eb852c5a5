#include "nn/reference/make_reference.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "nn/reference/reference_backend.hpp"
#include "nn/resnet18.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using ::testing::ElementsAre;
using testing::make;
using testing::read;

TEST(ReferenceBackend, HasNoLibraryBehindIt) { EXPECT_EQ(make_reference_backend()->version(), ""); }

TEST(ReferenceBackend, AllocatesZeros) {
  const std::unique_ptr<Backend> backend = make_reference_backend();
  EXPECT_THAT(read(*backend, backend->allocate({2, 2})), ElementsAre(0, 0, 0, 0));
  EXPECT_THROW(static_cast<void>(backend->allocate({2, -1})), std::invalid_argument);
}

// The documented order of a convolution's sum: over c, u, v, increasing. In any other order the
// terms below cancel to another value.
TEST(ReferenceBackend, AddsTheTapsOfAConvolutionInOrder) {
  const std::unique_ptr<Backend> backend = make_reference_backend();
  const Tensor x = make(*backend, {1, 2, 1, 2}, {0x1p24F, 1, 1, -0x1p24F});
  const Tensor w = make(*backend, {1, 2, 1, 2}, {1, 1, 1, 1});
  // ((2^24 + 1) + 1) - 2^24, where 2^24 + 1 rounds to 2^24.
  EXPECT_THAT(read(*backend, backend->conv2d(x, w, {})), ElementsAre(0));
  backend->write(x, std::vector<float>{1, 1, 0x1p24F, -0x1p24F});
  EXPECT_THAT(read(*backend, backend->conv2d(x, w, {})), ElementsAre(2));
}

TEST(ReferenceBackend, LetsANotANumberThrough) {
  const std::unique_ptr<Backend> backend = make_reference_backend();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = make(*backend, {1, 1, 1, 2}, {nan, 1});
  const Tensor one = make(*backend, {1}, {1});
  const BatchNormForward norm = backend->batch_norm_train(x, one, one, {}, {}, {.relu = true});
  EXPECT_TRUE(std::isnan(read(*backend, norm.y)[0]));
  const Tensor ones = make(*backend, {1, 1, 1, 2}, {1, 1});
  const RunningStatistics running{one, one};
  const Tensor sum = backend->batch_norm_evaluate(ones, one, one, running, x, {.relu = true});
  EXPECT_TRUE(std::isnan(read(*backend, sum)[0])) << "of a residual";
}

TEST(ReferenceBackend, RefusesTensorsOfAnother) {
  ReferenceBackend<float> floats;
  ReferenceBackend<double> doubles;
  EXPECT_THROW(static_cast<void>(floats.global_average_pool(doubles.allocate({1, 1, 1, 1}))),
               std::invalid_argument);
  EXPECT_THROW(
      static_cast<void>(floats.global_average_pool({.shape = {1, 1, 1, 1}, .storage = nullptr})),
      std::invalid_argument);
}

TEST(ReferenceBackend, ReadsAndWritesDoublesUnrounded) {
  ReferenceBackend<double> doubles;
  const Tensor x = doubles.allocate({2});
  ReferenceBackend<double>::values(x)[1] = 0.1;
  EXPECT_EQ(ReferenceBackend<double>::values(x)[1], 0.1);
  EXPECT_THAT(read(doubles, x), ElementsAre(0, 0.1F));
}

TEST(ReferenceBackend, CrossEntropyIsADoubleOfFloatLogits) {
  const std::unique_ptr<Backend> backend = make_reference_backend();
  std::vector<float> z = testing::uniform(10, 3);
  for (float& value : z) value *= 5;
  double sum = 0;
  for (const float value : z) sum += std::exp(static_cast<double>(value));
  for (std::uint8_t label = 0; label < 10; ++label) {
    const double want = std::log(sum) - static_cast<double>(z[label]);
    const std::vector<std::uint8_t> labels{label};
    const CrossEntropy got = backend->softmax_cross_entropy(make(*backend, {1, 10}, z), labels);
    // Ten powers and their sum, the logarithm and the difference: some roundings of 2^-53.
    EXPECT_NEAR(got.loss, want, 32 * 0x1p-53 * (1 + want)) << int{label};
  }
}

// The same bits on every machine: two steps of a small network, whose loss and gradient depend on
// all that the backend computes.
TEST(ReferenceBackend, KeepsItsBits) {
  const std::unique_ptr<Backend> backend = make_reference_backend();
  const ResNet18Options options{.width = 2};
  ResNet18 net(*backend, options);
  backend->write(net.parameters(), initial_parameters(resnet18_parameters(options), 1));
  backend->write(net.buffers(), initial_buffers(resnet18_buffers(options)));
  const std::vector<float> images = testing::uniform(4 * 3 * 32 * 32, 2);
  const std::vector<std::uint8_t> labels{3, 1, 4, 1};
  net.train(images, labels);
  backend->sgd_step(net.parameters(), net.gradients(), 0.1F, 1e-4F);
  EXPECT_EQ(net.train(images, labels).loss, 0x1.4d8ebfd9f3f0ep+1);
  const std::vector<float> gradient = read(*backend, net.gradients());
  EXPECT_EQ(gradient.front(), 0x1.6e711ap-2F);
  EXPECT_EQ(gradient.back(), 0x1.3d13bap-3F);
}

}  // namespace
}  // namespace mvsgd::nn
