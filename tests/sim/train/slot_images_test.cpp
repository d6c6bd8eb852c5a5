// Tier cuda_emulated: the batches of compute slots on emulated devices are the host's. In a round,
// only windows of a data set are sent to a device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "data/synthetic.hpp"
#include "sim/plan/presets.hpp"
#include "sim/round/worker_arrays.hpp"
#include "sim/train/local_training.hpp"
#include "tests/cuda_emulation/device.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint32_t kBatch = 8;

Settings settings_of(const std::string& backend) {
  Settings settings = preset("ssgd-mv").settings;
  settings.backend = backend;
  settings.width = 2;
  settings.batch = kBatch;
  settings.workers = 2;
  return settings;
}

std::vector<std::uint32_t> bits_of(Compute& compute, const nn::Tensor& x) {
  std::vector<float> values(static_cast<std::size_t>(nn::elements(x.shape)));
  compute.backend->enter(1);
  compute.backend->read(x, values);
  std::vector<std::uint32_t> bits(values.size());
  std::ranges::transform(values, bits.begin(),
                         [](float v) { return std::bit_cast<std::uint32_t>(v); });
  return bits;
}

class SlotImagesOnDevices : public testing::TestWithParam<std::uint64_t> {
 protected:
  SlotImagesOnDevices() {
    cuda_emulation::set_devices(2);
    cuda_emulation::set_schedule(GetParam());
  }
  void TearDown() override { cuda_emulation::set_devices(1); }

  const data::TrainTest images_ = data::synthesize({.train = 40, .test = 1, .seed = 3});
};

INSTANTIATE_TEST_SUITE_P(Schedules, SlotImagesOnDevices, testing::Values(1, 2, 3));

TEST_P(SlotImagesOnDevices, GiveTheBatchesOfTheHost) {
  std::vector<Compute> host = make_compute(settings_of("reference"), 1);
  std::vector<Compute> devices = make_compute(settings_of("cuda"), 4);
  const SlotImages on_host(images_.train, host);
  const SlotImages on_devices(images_.train, devices);
  std::vector<std::uint32_t> all(images_.train.size());
  std::iota(all.begin(), all.end(), 0U);
  data::BatchSource source(images_.train, all, {.batch = kBatch, .seed = 4});
  std::vector<std::vector<data::View>> batches;
  for (std::uint64_t step = 0; step < 8; ++step) batches.push_back(source.views(step));
  // Both flips at the four corners that reach the furthest beyond the image.
  batches.emplace_back();
  for (const auto top : {std::uint8_t{0}, std::uint8_t{8}}) {
    for (const auto left : {std::uint8_t{0}, std::uint8_t{8}}) {
      for (const bool flip : {false, true}) {
        batches.back().push_back({.image = 39, .top = top, .left = left, .flip = flip});
      }
    }
  }
  for (std::size_t i = 0; i < batches.size(); ++i) {
    Compute& slot = devices[i % devices.size()];
    slot.backend->enter(1);
    const auto want = on_host.load(batches[i], host[0]);
    const auto got = on_devices.load(batches[i], slot);
    EXPECT_EQ(got.images.shape, want.images.shape);
    EXPECT_EQ(bits_of(slot, got.images), bits_of(host[0], want.images)) << "batch " << i;
    EXPECT_TRUE(std::ranges::equal(got.labels, want.labels)) << "batch " << i;
  }
}

TEST_P(SlotImagesOnDevices, AreOneCopyADevice) {
  const std::vector<Compute> compute = make_compute(settings_of("cuda"), 4);
  const std::uint64_t before = cuda_emulation::bytes_from_host();
  const SlotImages images(images_.train, compute);
  EXPECT_EQ(cuda_emulation::bytes_from_host() - before,
            2 * (images_.train.pixels.size() + data::kChannels * sizeof(data::Levels)));
}

TEST_P(SlotImagesOnDevices, ThatAreNotThereAreRefused) {
  std::vector<Compute> compute = make_compute(settings_of("cuda"), 1);
  const SlotImages images(images_.train, compute);
  const std::vector<data::View> views{{.image = 40}};
  EXPECT_THROW(static_cast<void>(images.load(views, compute[0])), std::invalid_argument);
}

// A local step sends 13 bytes an image: its index, its corner and flip, its label. The batch-norm
// statistics cross once, and so do 8 bytes for the result of the search for NaN.
TEST_P(SlotImagesOnDevices, CrossInALocalStepAsWindowsAndLabels) {
  const Settings settings = settings_of("cuda");
  std::vector<Compute> compute = make_compute(settings, 2);
  const SlotImages images(images_.train, compute);
  LocalTraining training(settings, images, compute);
  const nn::Layout layout = nn::resnet18_parameters({.width = settings.width});
  std::vector<float> buffers = nn::initial_buffers(nn::resnet18_buffers({.width = settings.width}));
  const auto arrays = worker_arrays(settings)(1);
  arrays->put({.theta = nn::initial_parameters(layout, 1), .e = {}});
  Round round;
  round.t = 1;
  round.steps = 3;
  round.learning_rate = 0.01;
  const std::uint64_t before = cuda_emulation::bytes_from_host();
  static_cast<void>(training.run(1, round, 1, arrays->theta(), {.buffers = buffers}));
  EXPECT_EQ(cuda_emulation::bytes_from_host() - before,
            buffers.size() * sizeof(float) + round.steps * kBatch * 13 + 8);
}

}  // namespace
}  // namespace mvsgd::sim
