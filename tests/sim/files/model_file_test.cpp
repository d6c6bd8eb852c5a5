// model.safetensors: weights out and in.
#include "sim/files/model_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "nn/resnet18.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/safetensors.hpp"
#include "sim/plan/settings.hpp"
#include "sim/train/compute.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::int64_t kWidth = 2;

class ModelFile : public testing::Test {
 protected:
  /// No two values alike.
  static std::vector<float> values(const nn::Layout& layout) {
    std::vector<float> all(static_cast<std::size_t>(layout.size()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = 0.25F + static_cast<float>(i);
    return all;
  }
  [[nodiscard]] std::string refusal() const {
    try {
      (void)read_model(path_);
      return "accepted";
    } catch (const InputError& e) {
      return e.what();
    }
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path() / "model.safetensors";
  const std::vector<float> theta_ = values(nn::resnet18_parameters({.width = kWidth}));
  const std::vector<float> statistics_ = values(nn::resnet18_buffers({.width = kWidth}));
};

TEST_F(ModelFile, GivesBackWhatWasWritten) {
  write_model(path_, {.width = kWidth, .theta = theta_, .statistics = statistics_, .batches = 7});
  const Model model = read_model(path_);
  EXPECT_EQ(model.width, kWidth);
  EXPECT_EQ(model.theta, theta_);
  EXPECT_EQ(model.statistics, statistics_);
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.header().tensors.size(), 62U + 40U + 20U);  // and PyTorch's counters
  EXPECT_EQ(file.header().at("layer4.0.shortcut.1.num_batches_tracked", "").dtype, DType::i64);
}

TEST_F(ModelFile, OfAnotherNetworkIsRefusedNamingTheArray) {
  const auto write = [&](std::vector<NamedTensor> tensors) {
    DurableFile file(path_);
    write_safetensors(file, {}, std::move(tensors));
    (void)file.finish();
    return refusal();
  };
  const std::vector<float> stem(54);
  const auto stem_tensor = [&](TensorShape shape) {
    return named_tensor("conv1.weight", std::move(shape), std::span(stem));
  };
  EXPECT_THAT(write({}), HasSubstr(path_.string() + ": no array conv1.weight"));
  EXPECT_THAT(write({stem_tensor({2, 3, 3, 3})}), HasSubstr("no array bn1.weight"));
  EXPECT_THAT(write({stem_tensor({2, 27})}), HasSubstr("conv1.weight is F32 of shape [2, 27]"));
  EXPECT_THAT(write({stem_tensor({54})}), HasSubstr("conv1.weight is F32 of shape [54]"));
  EXPECT_THAT(write({named_tensor("conv1.weight", {0, 3}, std::span<const float>())}),
              HasSubstr("no width"));
}

TEST_F(ModelFile, WithAnArrayTooManyIsRefusedNamingIt) {
  SafetensorsFile golden(fs::path(MVSGD_GOLDEN) / "model.safetensors");
  std::vector<std::vector<float>> kept;
  std::vector<NamedTensor> tensors;
  for (const TensorEntry& entry : golden.header().tensors) {
    if (entry.dtype != DType::f32) continue;  // the counters may be missing
    kept.push_back(golden.floats(entry.name, entry.shape));
    tensors.push_back(named_tensor(entry.name, entry.shape, std::span<const float>(kept.back())));
  }
  const auto write = [&] {
    DurableFile file(path_);
    write_safetensors(file, {}, tensors);
    (void)file.finish();
    return refusal();
  };
  EXPECT_EQ(write(), "accepted");
  tensors.push_back(named_tensor("fc.bias", {0}, std::span<const float>()));
  EXPECT_THAT(write(), HasSubstr("the network has no array fc.bias"));
}

/// Every backend of this build on PyTorch's own weights, images and logits.
class ModelFileOnBackend : public testing::TestWithParam<const char*> {};

TEST_P(ModelFileOnBackend, GivesPyTorchsLogitsWithin1e4) {
  const Model model = read_model(fs::path(MVSGD_GOLDEN) / "model.safetensors");
  SafetensorsFile golden(fs::path(MVSGD_GOLDEN) / "logits.safetensors");
  const std::vector<float> images = golden.floats("images", {3, 3, 32, 32});
  const std::vector<float> want = golden.floats("logits", {3, data::kClasses});

  Settings settings;
  settings.width = static_cast<std::uint32_t>(model.width);
  settings.backend = GetParam();
  const std::vector<Compute> compute = make_compute(settings, 1);
  nn::ResNet18& network = *compute.front().model;
  compute.front().backend->write(network.parameters(), model.theta);
  compute.front().backend->write(network.buffers(), model.statistics);
  const std::vector<float> got = network.logits(images, nn::BatchNormMode::running);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-4F) << i;
}

INSTANTIATE_TEST_SUITE_P(Each, ModelFileOnBackend, testing::Values(MVSGD_BACKENDS),
                         [](const auto& backend) { return std::string(backend.param); });

}  // namespace
}  // namespace mvsgd::sim
