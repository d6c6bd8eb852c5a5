// model.safetensors: weights written and read.
#include "sim/files/model_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
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
  /// Values that all differ.
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
  std::vector<float> theta_ = values(nn::resnet18_parameters({.width = kWidth}));
  std::vector<float> statistics_ = values(nn::resnet18_buffers({.width = kWidth}));
};

TEST_F(ModelFile, GivesBackWhatWasWritten) {
  write_model(path_, {.width = kWidth, .theta = theta_, .statistics = statistics_, .batches = 7});
  const Model model = read_model(path_);
  EXPECT_EQ(model.width, kWidth);
  EXPECT_EQ(model.theta, theta_);
  EXPECT_EQ(model.statistics, statistics_);
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.header().tensors.size(), 62U + 40U + 20U);  // with PyTorch's counters
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

/// Writes the arrays of a whole model under other names.
class OthersModelFile : public ModelFile {
 protected:
  template <typename Rename>
  void write(const Rename& rename, const std::vector<const char*>& more = {}) {
    std::vector<NamedTensor> tensors;
    const auto add = [&](const nn::Layout& layout, const std::vector<float>& flat) {
      for (const nn::LayoutEntry& entry : layout.entries()) {
        const auto count = static_cast<std::size_t>(nn::elements(entry.shape));
        tensors.push_back(
            named_tensor(rename(entry.name), {entry.shape.begin(), entry.shape.end()},
                         std::span(flat).subspan(static_cast<std::size_t>(entry.offset), count)));
      }
    };
    add(nn::resnet18_parameters({.width = kWidth}), theta_);
    add(nn::resnet18_buffers({.width = kWidth}), statistics_);
    tensors.push_back(named_tensor(rename("bn1.num_batches_tracked"), {}, std::span(count_)));
    for (const char* const name : more) {
      tensors.push_back(named_tensor(name, {}, std::span(count_)));
    }
    DurableFile file(path_);
    write_safetensors(file, {}, std::move(tensors));
    (void)file.finish();
  }
  const std::vector<std::int64_t> count_{3};
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  if (const auto at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

TEST_F(OthersModelFile, NamesOfWrappersAndTorchvisionAreTakenAndTold) {
  write([](const std::string& name) {
    return "module._orig_mod." +
           replaced(replaced(name, "shortcut.", "downsample."), "linear.", "fc.");
  });
  const Model model = read_model(path_);
  EXPECT_EQ(model.width, kWidth);
  EXPECT_EQ(model.theta, theta_);
  EXPECT_EQ(model.statistics, statistics_);
  EXPECT_THAT(
      remarks_on_model(path_),
      testing::ElementsAre("every name begins with 'module.', which is left out",
                           "every name begins with '_orig_mod.', which is left out",
                           "'downsample.' is read as 'shortcut.'", "'fc.' is read as 'linear.'"));
}

TEST_F(OthersModelFile, OfAnAveragedModelIsTaken) {
  write([](const std::string& name) { return "module." + name; }, {"n_averaged"});
  EXPECT_EQ(refusal(), "accepted");
  EXPECT_EQ(read_model(path_).theta, theta_);
  EXPECT_THAT(remarks_on_model(path_),
              testing::ElementsAre("every name begins with 'module.', which is left out"));
  write([](const std::string& name) { return "_fsdp_wrapped_module." + name; });
  EXPECT_EQ(read_model(path_).theta, theta_);
}

TEST_F(OthersModelFile, APrefixOfSomeNamesIsNone) {
  write([](const std::string& name) { return name == "conv1.weight" ? name : "module." + name; });
  EXPECT_THAT(refusal(), HasSubstr("no array bn1.weight"));
}

TEST_F(OthersModelFile, OwnNamesHaveNoRemark) {
  write([](const std::string& name) { return name; });
  EXPECT_THAT(remarks_on_model(path_), testing::IsEmpty());
}

TEST_F(OthersModelFile, NumbersThatANetworkCannotHaveAreNamed) {
  const auto with = [&](std::vector<float>& flat, const nn::Layout& layout, std::string_view name,
                        std::size_t i, float value) {
    const auto entry = std::ranges::find(layout.entries(), name, &nn::LayoutEntry::name);
    flat = values(layout);
    flat[static_cast<std::size_t>(entry->offset) + i] = value;
    write_model(path_, {.width = kWidth, .theta = theta_, .statistics = statistics_});
    return refusal();
  };
  const nn::Layout parameters = nn::resnet18_parameters({.width = kWidth});
  const nn::Layout buffers = nn::resnet18_buffers({.width = kWidth});
  EXPECT_THAT(with(theta_, parameters, "layer1.0.conv2.weight", 5, NAN),
              HasSubstr("layer1.0.conv2.weight: element 5 is nan"));
  theta_ = values(parameters);
  EXPECT_THAT(with(statistics_, buffers, "bn1.running_var", 1, -1.0F),
              HasSubstr("bn1.running_var: element 1 is -1"));
  EXPECT_EQ(with(statistics_, buffers, "bn1.running_mean", 1, -1.0F), "accepted");
}

TEST_F(ModelFile, WhatIsTakenForOneIsNamedForWhatItIs) {
  std::ofstream(path_) << "PK\x03\x04 and more";
  EXPECT_THAT(refusal(), HasSubstr("a pickle of PyTorch's"));
  std::ofstream(path_) << "\x80\x02 and more";
  EXPECT_THAT(refusal(), HasSubstr("a pickle of PyTorch's"));
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_THAT(refusal(), HasSubstr("a directory, where a safetensors file is wanted"));
  std::ofstream(path_ / "config.toml") << "";
  EXPECT_THAT(refusal(), HasSubstr("of a run: its weights are in model.safetensors there"));
  fs::remove(path_ / "config.toml");
  std::ofstream(path_ / "manifest.json") << "";
  EXPECT_THAT(refusal(), HasSubstr("a directory, of a checkpoint: --resume with the run's"));
  path_ /= "arrays.safetensors";
  std::ofstream(path_) << "";
  EXPECT_THAT(refusal(), HasSubstr("arrays, of a checkpoint: --resume with the run's"));
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
  tensors.push_back(named_tensor("fc2.bias", {0}, std::span<const float>()));
  EXPECT_THAT(write(), HasSubstr("the network has no array fc2.bias"));
}

/// Every backend of this build, with PyTorch's own weights, images and logits.
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
