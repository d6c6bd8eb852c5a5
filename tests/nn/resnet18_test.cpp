#include "nn/resnet18.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>

#include "tests/nn/backends.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::read;

std::vector<std::string> lines(const std::string& golden) {
  std::ifstream file(std::string(MVSGD_TESTS_DIR "/golden/nn/") + golden);
  std::vector<std::string> read;
  for (std::string line; std::getline(file, line);) read.push_back(line);
  return read;
}

std::vector<std::string> lines(const Layout& layout) {
  std::vector<std::string> written;
  for (const LayoutEntry& entry : layout.entries()) {
    written.push_back(entry.name + ' ' + to_string(entry.shape));
  }
  return written;
}

TEST(ResNet18Layout, HasPyTorchsNamesShapesAndOrder) {
  EXPECT_EQ(lines(resnet18_parameters({})), lines("parameters.txt"));
  EXPECT_EQ(lines(resnet18_buffers({})), lines("buffers.txt"));
}

TEST(ResNet18Layout, CountsThePapersParameters) {
  EXPECT_EQ(resnet18_parameters({.width = 64}).size(), 11173962);
  EXPECT_EQ(resnet18_parameters({.width = 16}).size(), 701466);
  EXPECT_EQ(resnet18_buffers({.width = 64}).size(), 9600);
  EXPECT_EQ(resnet18_parameters({.width = 64, .classes = 100}).size(), 11173962 + 90 * 513);
}

TEST(ResNet18Layout, RefusesNoChannelsAndNoClasses) {
  EXPECT_THROW(static_cast<void>(resnet18_parameters({.width = 0})), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(resnet18_buffers({.width = -1})), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(resnet18_parameters({.classes = 0})), std::invalid_argument);
}

TEST(InitialParameters, AreUniformWithinOneOverTheRootOfFanIn) {
  const Layout layout = resnet18_parameters({.width = 16});
  const std::vector<float> theta = initial_parameters(layout, 1);
  double fan_in = 0;
  for (const LayoutEntry& entry : layout.entries()) {
    SCOPED_TRACE(entry.name);
    const std::span<const float> values(theta.data() + entry.offset,
                                        static_cast<std::size_t>(elements(entry.shape)));
    const bool bias = entry.name.ends_with("bias");
    if (entry.shape.size() == 1 && entry.name != "linear.bias") {
      EXPECT_THAT(values, Each(bias ? 0.0F : 1.0F));
      continue;
    }
    if (!bias) {
      fan_in = static_cast<double>(elements(entry.shape)) / static_cast<double>(entry.shape[0]);
    }
    const double bound = 1 / std::sqrt(fan_in);
    const auto n = static_cast<double>(values.size());
    double mean = 0;
    double square = 0;
    for (const float value : values) {
      ASSERT_LE(std::abs(value), bound);
      mean += value / n;
      square += value * value / n;
    }
    // For U(-b, b) the variance is b^2/3, and that of the square 4 b^4/45. Five sigma each.
    EXPECT_NEAR(mean, 0, 5 * bound / std::sqrt(3 * n));
    EXPECT_NEAR(square, bound * bound / 3, 5 * bound * bound * std::sqrt(4.0 / 45 / n));
  }
}

TEST(InitialParameters, FillTheirRangeEvenly) {
  Layout layout;
  layout.append("weight", {100000, 4});  // bound 1/2
  std::vector<double> counts(100);
  for (const float value : initial_parameters(layout, 2)) {
    ++counts[static_cast<std::size_t>((static_cast<double>(value) + 0.5) * 100)];
  }
  double chi_square = 0;
  for (const double count : counts) chi_square += (count - 4000) * (count - 4000) / 4000;
  // 99 degrees of freedom: mean 99, deviation sqrt(198). Five sigma.
  EXPECT_NEAR(chi_square, 99, 5 * std::sqrt(198));
}

TEST(InitialParameters, AreMiddlesOf2To24EqualParts) {
  Layout layout;
  layout.append("weight", {1000, 1});  // bound 1, so that nothing is rounded
  for (const float value : initial_parameters(layout, 5)) {
    const double parts = (static_cast<double>(value) + 1) * 0x1p23;  // from the left end
    EXPECT_EQ(parts - std::floor(parts), 0.5) << value;
  }
}

TEST(InitialParameters, DependOnSeedAndIndexAlone) {
  Layout small;
  small.append("a.weight", {2, 4});
  Layout large;
  large.append("b.weight", {1, 4});
  large.append("c.weight", {3, 4});
  const std::vector<float> a = initial_parameters(small, 3);
  std::vector<float> b = initial_parameters(large, 3);
  b.resize(a.size());
  EXPECT_EQ(a, b);
  EXPECT_NE(a, initial_parameters(small, 4));
  EXPECT_EQ(std::set<float>(a.begin(), a.end()).size(), a.size());
}

TEST(InitialParameters, KeepTheirBits) {
  const std::vector<float> theta = initial_parameters(resnet18_parameters({.width = 2}), 1);
  EXPECT_THAT(std::vector<float>(theta.begin(), theta.begin() + 4),
              ElementsAre(-0x1.fc5e72p-12F, -0x1.9cd93cp-5F, 0x1.1a723ap-3F, -0x1.b0ae9cp-4F));
  EXPECT_EQ(theta.back(), 0x1.83707ap-3F);
}

TEST(InitialBuffers, AreMeanZeroAndVarianceOne) {
  const Layout layout = resnet18_buffers({.width = 4});
  const std::vector<float> buffers = initial_buffers(layout);
  for (const LayoutEntry& entry : layout.entries()) {
    const std::span<const float> values(buffers.data() + entry.offset,
                                        static_cast<std::size_t>(elements(entry.shape)));
    EXPECT_THAT(values, Each(entry.name.ends_with("mean") ? 0.0F : 1.0F)) << entry.name;
  }
}

class ResNet18Network : public testing::EveryBackend {
 protected:
  // A network with initial values.
  [[nodiscard]] ResNet18 make() const { return make(backend()); }
  [[nodiscard]] static ResNet18 make(Backend& backend) {
    ResNet18 net(backend, kOptions);
    backend.write(net.parameters(), initial_parameters(resnet18_parameters(kOptions), 5));
    backend.write(net.buffers(), initial_buffers(resnet18_buffers(kOptions)));
    return net;
  }

  static constexpr ResNet18Options kOptions{.width = 4};
  const std::vector<float> images_ = testing::uniform(8 * 3 * 32 * 32, 6);
  const std::vector<std::uint8_t> labels_ = testing::labels(8, 7);
};

INSTANTIATE_TEST_SUITE_P(Backends, ResNet18Network, ::testing::ValuesIn(testing::backends()),
                         testing::case_name);
INSTANTIATE_TEST_SUITE_P(Winograd, ResNet18Network, ::testing::ValuesIn(testing::winograd()),
                         testing::case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ResNet18Network);

TEST_P(ResNet18Network, LearnsABatchByHeart) {
  ResNet18 net = make();
  const BatchResult first = net.train(images_, labels_);
  EXPECT_NEAR(first.loss, std::log(10.0), 1.0) << "initial logits are small";
  BatchResult last;
  for (int step = 0; step < 30; ++step) {
    backend().sgd_step(net.parameters(), net.gradients(), 0.1F, 0);
    last = net.train(images_, labels_);
  }
  EXPECT_LT(last.loss, 0.1);
  EXPECT_EQ(last.correct, 8);
}

TEST_P(ResNet18Network, EveryParameterHasAGradient) {
  ResNet18 net = make();
  net.train(images_, labels_);
  const std::vector<float> gradient = read(backend(), net.gradients());
  const Layout layout = resnet18_parameters(kOptions);
  for (const LayoutEntry& entry : layout.entries()) {
    const auto first = gradient.begin() + entry.offset;
    EXPECT_TRUE(std::any_of(first, first + elements(entry.shape), [](float g) { return g != 0; }))
        << entry.name;
  }
}

TEST_P(ResNet18Network, RepeatsItselfBitForBit) {
  ResNet18 net = make();
  const BatchResult once = net.train(images_, labels_);
  const std::vector<float> gradient = read(backend(), net.gradients());
  const std::vector<float> buffers = read(backend(), net.buffers());
  // The same network again, whose gradients start from the old ones; and a new network on a new
  // backend.
  backend().write(net.buffers(), initial_buffers(resnet18_buffers(kOptions)));
  const BatchResult twice = net.train(images_, labels_);
  EXPECT_EQ(twice.loss, once.loss);
  EXPECT_EQ(read(backend(), net.gradients()), gradient);
  EXPECT_EQ(read(backend(), net.buffers()), buffers);

  const std::unique_ptr<Backend> other = another();
  ResNet18 fresh = make(*other);
  EXPECT_EQ(fresh.train(images_, labels_).loss, once.loss);
  EXPECT_EQ(read(*other, fresh.gradients()), gradient);
}

TEST_P(ResNet18Network, EvaluatesWithoutTouchingParametersOrGradients) {
  ResNet18 net = make();
  const BatchResult trained = net.train(images_, labels_);
  const std::vector<float> theta = read(backend(), net.parameters());
  const std::vector<float> gradient = read(backend(), net.gradients());
  const std::vector<float> buffers = read(backend(), net.buffers());

  const BatchResult with_batch = net.evaluate(images_, labels_, BatchNormMode::batch);
  EXPECT_EQ(with_batch.loss, trained.loss);
  EXPECT_EQ(with_batch.correct, trained.correct);
  EXPECT_NE(net.evaluate(images_, labels_, BatchNormMode::running).loss, trained.loss);
  EXPECT_EQ(read(backend(), net.parameters()), theta);
  EXPECT_EQ(read(backend(), net.gradients()), gradient);
  EXPECT_EQ(read(backend(), net.buffers()), buffers);
}

TEST_P(ResNet18Network, UpdatesTheBuffersOnlyWhenAskedTo) {
  ResNet18 trained = make();
  trained.train(images_, labels_);
  ResNet18 evaluated = make();
  evaluated.evaluate(images_, labels_, BatchNormMode::update);
  EXPECT_EQ(read(backend(), evaluated.buffers()), read(backend(), trained.buffers()));

  // With momentum 1 nothing of the old buffers is left.
  evaluated.evaluate(images_, labels_, BatchNormMode::update, 1.0F);
  ResNet18 other = make();
  backend().write(other.buffers(),
                  std::vector<float>(static_cast<std::size_t>(other.buffers().shape[0]), 7.0F));
  other.evaluate(images_, labels_, BatchNormMode::update, 1.0F);
  EXPECT_EQ(read(backend(), other.buffers()), read(backend(), evaluated.buffers()));
}

TEST_P(ResNet18Network, RefusesWhatIsNoBatchBeforeAnythingChanges) {
  ResNet18 net = make();
  const std::vector<float> buffers = read(backend(), net.buffers());
  const std::span<const float> images(images_);
  EXPECT_THROW(net.train(std::vector<float>{}, {}), std::invalid_argument);
  EXPECT_THROW(net.train(images.first(images.size() - 1), labels_), std::invalid_argument);
  std::vector<std::uint8_t> labels = labels_;
  labels.back() = 10;
  EXPECT_THROW(net.train(images, labels), std::invalid_argument);
  EXPECT_THROW(net.evaluate(images, labels, BatchNormMode::update), std::invalid_argument);
  EXPECT_EQ(read(backend(), net.buffers()), buffers);
}

TEST_P(ResNet18Network, ShowsANotANumberInTheGradients) {
  ResNet18 net = make();
  std::vector<float> theta = initial_parameters(resnet18_parameters(kOptions), 5);
  theta[0] = std::numeric_limits<float>::quiet_NaN();
  backend().write(net.parameters(), theta);
  net.train(images_, labels_);
  const std::vector<float> gradient = read(backend(), net.gradients());
  EXPECT_TRUE(std::any_of(gradient.begin(), gradient.end(), [](float g) { return std::isnan(g); }));
}

}  // namespace
}  // namespace mvsgd::nn
