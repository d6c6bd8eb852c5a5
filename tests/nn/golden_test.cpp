// PyTorch's ten steps in tests/golden/nn: first each gradient from PyTorch's parameters, then a
// free run.

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "nn/resnet18.hpp"
#include "tests/nn/backends.hpp"
#include "tests/nn/golden.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using testing::all_near;
using testing::Golden;
using testing::GoldenStep;
using testing::read;

constexpr double kEpsilon = 0x1p-24;

// The error of an activation or a logit. Each of 18 layers sums, normalises, scales and shifts:
// four roundings at the norm's size 1. Roundings within a sum are smaller, as its terms are.
constexpr double kForwardError = 18 * 4 * kEpsilon;

class GoldenTrajectory : public testing::EveryBackend {
 protected:
  void start_from(ResNet18& net, const GoldenStep& step) const {
    backend().write(net.parameters(), step.theta);
    backend().write(net.buffers(), step.buffers);
  }

  const Golden golden_ = testing::read_golden();
  const ResNet18Options options_{.width = golden_.width};
};

INSTANTIATE_TEST_SUITE_P(Backends, GoldenTrajectory, ::testing::ValuesIn(testing::backends()),
                         testing::case_name);
// At width 2 onednn's Winograd can do only the last stage, of 16 channels; that of lanes can do
// all.
INSTANTIATE_TEST_SUITE_P(Winograd, GoldenTrajectory, ::testing::ValuesIn(testing::winograd()),
                         testing::case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GoldenTrajectory);

double norm(std::span<const double> x) {
  double squares = 0;
  for (const double value : x) squares += value * value;
  return std::sqrt(squares);
}

// The golden gradients are those in double. The distance of float32 from them depends on how much
// the terms of each sum cancel, so it is measured: for each parameter tensor the file has the
// largest distance of five PyTorch runs whose sums have other orders. A sum of m terms taken one by
// one is off by about sqrt(m / block) times the error of PyTorch's blocks of 64: 8 times for the
// first stage's m = 4 * 32 * 32. Tensors of a few elements can be near by luck in all five runs, so
// at least the step's median deviation counts.
TEST_P(GoldenTrajectory, MeetsEveryGradientOfPyTorch) {
  ResNet18 net(backend(), options_);
  const Layout layout = resnet18_parameters(options_);
  double worst = 0;
  for (const GoldenStep& step : golden_.steps) {
    SCOPED_TRACE("step " + std::to_string(&step - golden_.steps.data()));
    start_from(net, step);
    const BatchResult result = net.train(step.images, step.labels);
    // A loss moves by at most twice as much as its logits.
    EXPECT_NEAR(result.loss, step.loss, 2 * kForwardError);
    EXPECT_EQ(result.correct, step.correct);

    const std::vector<float> gradient = read(backend(), net.gradients());
    std::vector<double> sorted = step.deviation;
    std::sort(sorted.begin(), sorted.end());
    const double median = sorted[sorted.size() / 2];
    for (std::size_t tensor = 0; tensor < layout.entries().size(); ++tensor) {
      const LayoutEntry& entry = layout.entries()[tensor];
      const auto first = static_cast<std::size_t>(entry.offset);
      const auto count = static_cast<std::size_t>(elements(entry.shape));
      const std::vector<double> want(step.gradient.begin() + entry.offset,
                                     step.gradient.begin() + entry.offset + elements(entry.shape));
      std::vector<double> difference;
      for (std::size_t i = 0; i < count; ++i) {
        difference.push_back(static_cast<double>(gradient[first + i]) - want[i]);
      }
      const double bound = 8 * std::max(step.deviation[tensor], median);
      const double deviation = norm(difference) / norm(want);
      EXPECT_LE(deviation, bound) << entry.name;
      worst = std::max(worst, deviation / bound);
    }
  }
  RecordProperty("worst_share_of_bound", std::to_string(worst));
}

TEST_P(GoldenTrajectory, MeetsTheBuffersAfterEachStep) {
  ResNet18 net(backend(), options_);
  for (std::size_t i = 0; i < golden_.steps.size(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i));
    const std::vector<float>& want =
        i + 1 < golden_.steps.size() ? golden_.steps[i + 1].buffers : golden_.final_buffers;
    start_from(net, golden_.steps[i]);
    net.train(golden_.steps[i].images, golden_.steps[i].labels);
    // A tenth of the batch's statistics, plus four roundings of the average and of the golden
    // value. The inputs of the statistics are of size 1 or smaller, and as far off as an
    // activation.
    EXPECT_TRUE(all_near(read(backend(), net.buffers()), want, [&](std::size_t element) {
      return (0.1 * kForwardError + 4 * kEpsilon) *
             (1 + std::abs(static_cast<double>(want[element])));
    }));
  }
}

TEST_P(GoldenTrajectory, StepsAsPyTorchsOptimiserDoes) {
  const Tensor theta = backend().allocate({static_cast<std::int64_t>(golden_.final_theta.size())});
  const Tensor gradient = backend().allocate(theta.shape);
  for (std::size_t i = 0; i < golden_.steps.size(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i));
    const GoldenStep& step = golden_.steps[i];
    const std::vector<float>& want =
        i + 1 < golden_.steps.size() ? golden_.steps[i + 1].theta : golden_.final_theta;
    backend().write(theta, step.theta);
    backend().write(gradient, step.gradient);
    backend().sgd_step(theta, gradient, golden_.learning_rate, golden_.weight_decay);
    // PyTorch may fuse products with sums, where each is rounded here: one rounding of the result
    // on either side, and three of the step.
    EXPECT_TRUE(all_near(read(backend(), theta), want, [&](std::size_t element) {
      const double before = std::abs(static_cast<double>(step.theta[element]));
      const double moved = static_cast<double>(golden_.learning_rate) *
                           (std::abs(static_cast<double>(step.gradient[element])) + before);
      return 2 * kEpsilon * (before + moved) + 3 * kEpsilon * moved;
    }));
  }
}

// A free run stays as near to PyTorch's in double as PyTorch's runs in float32 do. Distances grow,
// so the measure is the largest of all five runs up to a step; twice it, since a sixth run may go
// beyond five. The rounding of the loss at each step is added.
TEST_P(GoldenTrajectory, FollowsItFreelyWithinPyTorchsOwnSpread) {
  ResNet18 net(backend(), options_);
  start_from(net, golden_.steps.front());
  double spread = 0;
  for (std::size_t i = 0; i < golden_.steps.size(); ++i) {
    const double want = golden_.free_losses[i];
    for (const std::vector<double>& losses : golden_.float32_losses) {
      spread = std::max(spread, std::abs(losses[i] - want));
    }
    const double loss = net.train(golden_.steps[i].images, golden_.steps[i].labels).loss;
    EXPECT_NEAR(loss, want, 2 * spread + 4 * kEpsilon * want) << "step " << i;
    backend().sgd_step(net.parameters(), net.gradients(), golden_.learning_rate,
                       golden_.weight_decay);
  }
}

}  // namespace
}  // namespace mvsgd::nn
