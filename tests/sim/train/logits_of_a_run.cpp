// Trains a few rounds and writes model.safetensors, and logits.safetensors with test images and the
// network's logits for them, which PyTorch checks. usage: logits_of_a_run DIRECTORY
#include <filesystem>
#include <vector>

#include "data/batches.hpp"
#include "data/synthetic.hpp"
#include "sim/files/model_file.hpp"
#include "sim/files/safetensors.hpp"
#include "sim/plan/presets.hpp"
#include "sim/train/compute.hpp"
#include "sim/train/trial.hpp"

int main(int argc, char** argv) {
  namespace sim = mvsgd::sim;
  namespace data = mvsgd::data;
  if (argc != 2) return 2;
  const std::filesystem::path directory = argv[1];
  constexpr std::size_t kImages = 8;

  sim::Settings settings = sim::preset("ssgd-mv-l4").settings;
  settings.width = 8;
  settings.workers = 2;
  settings.batch = 16;
  settings.epochs = 1;
  const data::TrainTest images = data::synthesize({.train = 320, .test = kImages});
  const sim::TrialResult result = sim::run_trial(settings, images, {});
  sim::write_model(directory / "model.safetensors", {.width = settings.width,
                                                     .theta = result.theta,
                                                     .statistics = result.statistics,
                                                     .batches = result.steps});

  const std::vector<sim::Compute> compute = sim::make_compute(settings, 1);
  compute.front().backend->write(compute.front().model->parameters(), result.theta);
  compute.front().backend->write(compute.front().model->buffers(), result.statistics);
  std::vector<float> pixels(kImages * data::kImageBytes);
  std::vector<std::uint8_t> labels(kImages);
  data::load_plain(images.test, 0, kImages, pixels, labels);
  const std::vector<float> logits =
      compute.front().model->logits(pixels, mvsgd::nn::BatchNormMode::running);
  sim::DurableFile file(directory / "logits.safetensors");
  sim::write_safetensors(
      file, {},
      {sim::named_tensor("images", {kImages, data::kChannels, data::kSide, data::kSide},
                         std::span<const float>(pixels)),
       sim::named_tensor("logits", {kImages, data::kClasses}, std::span<const float>(logits))});
  (void)file.finish();
}
