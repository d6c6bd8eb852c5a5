// Steps of SGD with momentum: by value, and as PyTorch's optimiser takes them (tests/golden/nn).
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/nn/backends.hpp"
#include "tests/nn/golden.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using testing::all_near;
using testing::GoldenReader;
using testing::make;
using testing::read;
using testing::uniform;

constexpr double kEpsilon = 0x1p-24;

class Momentum : public testing::EveryBackend {};

INSTANTIATE_TEST_SUITE_P(Backends, Momentum, ::testing::ValuesIn(testing::backends()),
                         testing::case_name);

TEST_P(Momentum, StepsRoundEachOperationOnce) {
  const std::int64_t d = 1003;  // no multiple of any vector
  for (const bool nesterov : {false, true}) {
    std::vector<float> theta = uniform(d, 8);
    std::vector<float> velocity(theta.size());
    const Tensor x = make(backend(), {d}, theta);
    const Tensor v = backend().allocate({d});
    for (std::uint64_t step = 0; step < 3; ++step) {
      const std::vector<float> gradient = uniform(d, 9 + step);
      backend().momentum_step(
          x, v, make(backend(), {d}, gradient),
          {.learning_rate = 0.1F, .weight_decay = 1e-2F, .momentum = 0.9F, .nesterov = nesterov});
      for (std::size_t i = 0; i < theta.size(); ++i) {
        const float decay = 1e-2F * theta[i];
        const float g = gradient[i] + decay;
        const float kept = 0.9F * velocity[i];
        velocity[i] = kept + g;
        const float ahead = 0.9F * velocity[i];
        const float moved = 0.1F * (nesterov ? g + ahead : velocity[i]);
        theta[i] = theta[i] - moved;
      }
    }
    EXPECT_EQ(read(backend(), x), theta) << nesterov;
    EXPECT_EQ(read(backend(), v), velocity) << nesterov;
  }
}

TEST_P(Momentum, OfNoneIsPlainSgdAndKeepsTheGradientWithItsDecay) {
  const std::int64_t d = 40;
  const std::vector<float> theta = uniform(d, 1);
  const Tensor x = make(backend(), {d}, theta);
  const Tensor plain = make(backend(), {d}, theta);
  const Tensor v = make(backend(), {d}, uniform(d, 2));
  std::vector<float> kept = uniform(d, 3);
  const Tensor gradient = make(backend(), {d}, kept);
  backend().momentum_step(x, v, gradient, {.learning_rate = 0.1F, .weight_decay = 0.5F});
  backend().sgd_step(plain, gradient, 0.1F, 0.5F);
  EXPECT_EQ(read(backend(), x), read(backend(), plain));
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i] += 0.5F * theta[i];  // the half is exact
  EXPECT_EQ(read(backend(), v), kept);
}

TEST_P(Momentum, RefusesOtherShapes) {
  const Tensor six = backend().allocate({6});
  const Tensor five = backend().allocate({5});
  EXPECT_THROW(backend().momentum_step(six, five, six, {}), std::exception);
  EXPECT_THROW(backend().momentum_step(six, six, five, {}), std::exception);
}

struct GoldenSteps {
  std::int32_t d = 0;
  MomentumOptions options;
  std::vector<float> theta;
  std::vector<std::vector<float>> gradients;
  /// After each step, without and with Nesterov's momentum.
  struct After {
    std::vector<float> theta;
    std::vector<float> velocity;
  };
  std::vector<After> after[2];
};

GoldenSteps read_steps() {
  GoldenReader in(MVSGD_TESTS_DIR "/golden/nn/momentum.bin");
  const std::vector<char> magic = in.next<char>(8);
  if (std::string_view(magic.data(), 8) != "mvsgd-mo") throw std::runtime_error("no golden file");
  GoldenSteps golden;
  golden.d = in.next<std::int32_t>();
  const auto steps = in.next<std::int32_t>();
  golden.options.learning_rate = static_cast<float>(in.next<double>());
  golden.options.weight_decay = static_cast<float>(in.next<double>());
  golden.options.momentum = static_cast<float>(in.next<double>());
  golden.theta = in.next<float>(golden.d);
  for (std::int32_t i = 0; i < steps; ++i) golden.gradients.push_back(in.next<float>(golden.d));
  for (auto& variant : golden.after) {
    for (std::int32_t i = 0; i < steps; ++i) {
      std::vector<float> theta = in.next<float>(golden.d);
      variant.push_back({.theta = std::move(theta), .velocity = in.next<float>(golden.d)});
    }
  }
  if (!in.at_end()) throw std::runtime_error("the golden file is too long");
  return golden;
}

// Ten steps without a look at PyTorch's between them. A step rounds here, and there unless it is
// fused, at most: decay, its sum with the gradient, momentum's product and sum, for Nesterov's
// again, the rate's product, the difference. So each step adds to the distance of a velocity at
// most 4 roundings of the terms that enter it, kept by the momentum, and to that of theta 3 of the
// step and 1 of theta, on either side, besides rate times what the velocity is off. `off_*` carry
// these bounds from step to step.
TEST_P(Momentum, TakesPyTorchsTenSteps) {
  const GoldenSteps golden = read_steps();
  const auto d = static_cast<std::size_t>(golden.d);
  ASSERT_EQ(golden.gradients.size(), 10U);
  EXPECT_EQ(golden.options.weight_decay, 0.0625F);
  const double rate = golden.options.learning_rate;
  const double decay = golden.options.weight_decay;
  const double momentum = golden.options.momentum;
  for (const bool nesterov : {false, true}) {
    MomentumOptions options = golden.options;
    options.nesterov = nesterov;
    const Tensor theta = make(backend(), {golden.d}, golden.theta);
    const Tensor velocity = backend().allocate({golden.d});
    std::vector<double> off_theta(d);
    std::vector<double> off_velocity(d);
    std::vector<float> theta_before = golden.theta;
    std::vector<float> velocity_before(d);
    for (std::size_t step = 0; step < golden.gradients.size(); ++step) {
      SCOPED_TRACE("nesterov " + std::to_string(nesterov) + ", step " + std::to_string(step));
      const std::vector<float>& gradient = golden.gradients[step];
      backend().momentum_step(theta, velocity, make(backend(), {golden.d}, gradient), options);
      const GoldenSteps::After& want = golden.after[nesterov ? 1 : 0][step];
      for (std::size_t i = 0; i < d; ++i) {
        const double terms = std::abs(static_cast<double>(gradient[i])) +
                             decay * std::abs(static_cast<double>(theta_before[i])) +
                             momentum * std::abs(static_cast<double>(velocity_before[i]));
        const double off_g = decay * off_theta[i];
        off_velocity[i] = momentum * off_velocity[i] + off_g + 2 * 4 * kEpsilon * terms;
        const double off_step =
            nesterov ? off_g + momentum * off_velocity[i] + 2 * 2 * kEpsilon * 2 * terms
                     : off_velocity[i];
        off_theta[i] += rate * off_step + 2 * 3 * kEpsilon * rate * 2 * terms +
                        2 * kEpsilon * std::abs(static_cast<double>(want.theta[i]));
      }
      EXPECT_TRUE(all_near(read(backend(), velocity), want.velocity,
                           [&](std::size_t i) { return off_velocity[i]; }));
      EXPECT_TRUE(all_near(read(backend(), theta), want.theta,
                           [&](std::size_t i) { return off_theta[i]; }));
      theta_before = want.theta;
      velocity_before = want.velocity;
    }
  }
}

}  // namespace
}  // namespace mvsgd::nn
