// What a compute slot has: a network on a backend of its own, and batches of images for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "compress/device/device_operators.hpp"
#include "data/batches.hpp"
#include "data/dataset.hpp"
#include "nn/resnet18.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// One thread at a time.
struct Compute {
  std::size_t device = 0;
  std::unique_ptr<nn::Backend> backend;
  std::unique_ptr<nn::ResNet18> model;
  compress::DeviceArray parameters;  ///< the model's, where the backend computes on a device
  std::vector<float> images;         ///< room for a batch that is made on the host
  std::vector<std::uint8_t> labels;  ///< of its last batch
  std::vector<float> theta;          ///< theta^(H) as read back, [d]; of no use where it stays
};

/// The number of compute slots that settings give on this machine: one for each device, or more.
[[nodiscard]] std::size_t slot_count(const Settings& settings);

/// One Compute a slot, slot i on device i mod G. Throws UsageError for an unknown backend,
/// nn::BackendError if it refuses.
[[nodiscard]] std::vector<Compute> make_compute(const Settings& settings, std::size_t slots);

/// A data set's images as batches of the slots' networks. Where a backend can, its device has one
/// copy of the bytes, from which all slots of the device cut their batches; else batches are made
/// on the host, the same to the bit. Any thread, any number at once.
class SlotImages {
 public:
  struct Batch {
    nn::Tensor images;                     ///< [n, 3, 32, 32], plain
    std::span<const std::uint8_t> labels;  ///< [n]; in the slot until its next batch
  };

  /// `dataset` must outlive it. Throws nn::BackendError if a device refuses.
  SlotImages(const data::Dataset& dataset, std::span<const Compute> compute);

  [[nodiscard]] const data::Dataset& dataset() const { return *dataset_; }

  /// These views of images, normalised, for a slot. Throws std::invalid_argument if an image is
  /// beyond the data set.
  [[nodiscard]] Batch load(std::span<const data::View> views, Compute& compute) const;

 private:
  const data::Dataset* dataset_;
  std::vector<std::unique_ptr<const nn::ImageStore>> held_;  ///< one a device; null: on the host
};

}  // namespace mvsgd::sim
