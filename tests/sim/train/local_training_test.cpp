// Local SGD by value: a worker's round against a loop over its batches, written out here.
#include "sim/train/local_training.hpp"

#include <gtest/gtest.h>

#include "data/partition.hpp"
#include "data/synthetic.hpp"
#include "nn/resnet18.hpp"
#include "sim/plan/presets.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint32_t kWorker = 1;

Settings settings_of(Practice practice) {
  Settings settings = preset("ssgd-mv-l4").settings;
  settings.backend = "reference";
  settings.width = 2;
  settings.workers = 3;
  settings.batch = 4;
  settings.practice = practice;
  settings.weight_decay = 0.01;
  settings.seed = 9;
  return settings;
}

/// A round of three steps after five, on few images, with two slots.
struct OneRound {
  explicit OneRound(const Settings& settings)
      : compute(make_compute(settings, 2)),
        training_images(images.train, compute),
        training(settings, training_images, compute),
        theta_0(nn::initial_parameters(nn::resnet18_parameters({.width = settings.width}), 4)),
        first_buffers(nn::initial_buffers(nn::resnet18_buffers({.width = settings.width}))) {
    round.t = 3;
    round.first_step = 5;
    round.steps = 3;
    round.learning_rate = 0.25;
  }

  const data::TrainTest images = data::synthesize({.train = 40, .test = 1, .seed = 2});
  std::vector<Compute> compute;
  const SlotImages training_images;
  LocalTraining training;
  Round round;
  const std::vector<float> theta_0;
  const std::vector<float> first_buffers;
};

class LocalTrainingOfPractice : public testing::TestWithParam<Practice> {};

INSTANTIATE_TEST_SUITE_P(Each, LocalTrainingOfPractice,
                         testing::Values(Practice::text, Practice::authors));

TEST_P(LocalTrainingOfPractice, TakesTheRoundsStepsOnTheWorkersOwnBatches) {
  const Settings settings = settings_of(GetParam());
  OneRound one(settings);
  auto& [images, compute, training_images, training, round, theta_0, first_buffers] = one;
  auto buffers = first_buffers;
  const LocalResult got = training.run(0, round, kWorker, theta_0, {.buffers = buffers});

  // The other slot's network gets the batches one by one from the host.
  nn::Backend& backend = *compute[1].backend;
  nn::ResNet18& model = *compute[1].model;
  backend.enter(1);
  backend.write(model.parameters(), theta_0);
  backend.write(model.buffers(), first_buffers);
  data::BatchSource source(
      images.train, data::partition(images.train.size(), settings.workers, settings.seed)[kWorker],
      {.batch = settings.batch,
       .augment = true,
       .seed = settings.seed,
       .worker = kWorker,
       .sampling =
           GetParam() == Practice::text ? data::Sampling::permutation : data::Sampling::fresh});
  std::vector<float> pixels(settings.batch * data::kImageBytes);
  std::vector<std::uint8_t> labels(settings.batch);
  std::vector<float> theta = theta_0;
  std::vector<float> g(theta.size());
  double loss = 0;
  for (std::uint64_t step = 5; step < 8; ++step) {
    source.load(step, pixels, labels);
    loss += model.train(pixels, labels).loss;
    backend.read(model.gradients(), g);
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] -= 0.25F * (g[i] + 0.01F * theta[i]);
    backend.write(model.parameters(), theta);
  }
  std::vector<float> last_buffers(first_buffers.size());
  backend.read(model.buffers(), last_buffers);

  EXPECT_EQ(std::vector<float>(got.theta.host().begin(), got.theta.host().end()), theta);
  EXPECT_EQ(got.loss, loss);
  EXPECT_EQ(got.images, 3U * 4U);
  EXPECT_EQ(buffers, last_buffers);
}

class LocalTrainingWithMomentum : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(Nesterov, LocalTrainingWithMomentum, testing::Bool());

TEST_P(LocalTrainingWithMomentum, StepsByItsVelocityWhichGoesOnWhereItWas) {
  Settings settings = settings_of(Practice::text);
  settings.momentum = 0.875;
  settings.nesterov = GetParam();
  OneRound one(settings);
  auto& [images, compute, training_images, training, round, theta_0, first_buffers] = one;
  auto buffers = first_buffers;
  std::vector<float> velocity(theta_0.size());
  for (std::size_t i = 0; i < velocity.size(); ++i) velocity[i] = i % 2 == 0 ? 0.5F : -0.25F;
  std::vector<float> v = velocity;
  // Another worker's steps in the same slot leave nothing behind.
  auto others = first_buffers;
  std::vector<float> of_another(theta_0.size(), 9.0F);
  (void)training.run(0, round, 0, theta_0, {.buffers = others, .velocity = of_another});
  const LocalResult got =
      training.run(0, round, kWorker, theta_0, {.buffers = buffers, .velocity = velocity});

  nn::Backend& backend = *compute[1].backend;
  nn::ResNet18& model = *compute[1].model;
  backend.enter(1);
  backend.write(model.parameters(), theta_0);
  backend.write(model.buffers(), first_buffers);
  data::BatchSource source(
      images.train, data::partition(images.train.size(), settings.workers, settings.seed)[kWorker],
      {.batch = settings.batch, .augment = true, .seed = settings.seed, .worker = kWorker});
  std::vector<float> pixels(settings.batch * data::kImageBytes);
  std::vector<std::uint8_t> labels(settings.batch);
  std::vector<float> theta = theta_0;
  std::vector<float> g(theta.size());
  for (std::uint64_t step = 5; step < 8; ++step) {
    source.load(step, pixels, labels);
    (void)model.train(pixels, labels);
    backend.read(model.gradients(), g);
    for (std::size_t i = 0; i < theta.size(); ++i) {
      const float with_decay = g[i] + 0.01F * theta[i];
      v[i] = 0.875F * v[i] + with_decay;
      theta[i] -= 0.25F * (settings.nesterov ? with_decay + 0.875F * v[i] : v[i]);
    }
    backend.write(model.parameters(), theta);
  }
  EXPECT_EQ(std::vector<float>(got.theta.host().begin(), got.theta.host().end()), theta);
  EXPECT_EQ(velocity, v);
}

}  // namespace
}  // namespace mvsgd::sim
