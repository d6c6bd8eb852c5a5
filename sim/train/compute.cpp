#include "sim/train/compute.hpp"

#include <algorithm>

#include "sim/files/cores.hpp"
#include "sim/train/backends.hpp"

namespace mvsgd::sim {
namespace {

nn::Window window_of(const data::View& view) {
  constexpr int kPadding = data::kPadding;
  return {.image = view.image,
          .top = static_cast<std::int16_t>(view.top - kPadding),
          .left = static_cast<std::int16_t>(view.left - kPadding),
          .flip = view.flip};
}

std::unique_ptr<const nn::ImageStore> hold(nn::Backend& backend, const data::Dataset& dataset) {
  std::vector<float> levels;
  for (const data::Levels& of_channel : data::levels()) {
    levels.insert(levels.end(), of_channel.begin(), of_channel.end());
  }
  return backend.hold_images(
      {.pixels = dataset.pixels, .side = static_cast<std::int64_t>(data::kSide), .levels = levels});
}

}  // namespace

std::size_t slot_count(const Settings& settings) {
  return std::max(settings.slots > 0 ? settings.slots : usable_cores(), device_count(settings));
}

std::vector<Compute> make_compute(const Settings& settings, std::size_t slots) {
  std::vector<Compute> all(slots);
  const std::size_t devices = device_count(settings);
  for (std::size_t slot = 0; slot < slots; ++slot) {
    Compute& compute = all[slot];
    compute.device = slot % devices;
    compute.backend = make_backend(settings, compute.device);
    compute.backend->enter(static_cast<int>(settings.threads_per_worker));
    compute.model = std::make_unique<nn::ResNet18>(*compute.backend,
                                                   nn::ResNet18Options{.width = settings.width});
    if (settings.has_velocity()) {
      compute.velocity = compute.backend->allocate(compute.model->parameters().shape);
    }
    compute.parameters = device_array(settings, compute.model->parameters());
  }
  return all;
}

SlotImages::SlotImages(const data::Dataset& dataset, std::span<const Compute> compute)
    : dataset_(&dataset) {
  for (const Compute& slot : compute) {
    if (slot.device == held_.size()) held_.push_back(hold(*slot.backend, dataset));
  }
}

SlotImages::Batch SlotImages::load(std::span<const data::View> views, Compute& compute) const {
  compute.labels.resize(views.size());
  if (const auto& held = held_[compute.device]) {
    std::vector<nn::Window> windows;
    windows.reserve(views.size());
    for (const data::View& view : views) windows.push_back(window_of(view));
    Batch batch{.images = held->batch(*compute.backend, windows), .labels = compute.labels};
    for (std::size_t k = 0; k < views.size(); ++k) {
      compute.labels[k] = dataset_->labels[views[k].image];
    }
    return batch;
  }
  compute.images.resize(views.size() * data::kImageBytes);
  data::load_views(*dataset_, views, compute.images, compute.labels);
  const nn::Shape shape{std::ssize(views), data::kChannels, data::kSide, data::kSide};
  Batch batch{.images = compute.backend->allocate(shape), .labels = compute.labels};
  compute.backend->write(batch.images, compute.images);
  return batch;
}

}  // namespace mvsgd::sim
