// A compute slot's contents: a network on a backend of its own, and batches of images for it.
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

/// The contents of one slot. One thread at a time.
struct Compute {
  std::size_t device = 0;
  std::unique_ptr<nn::Backend> backend;
  std::unique_ptr<nn::ResNet18> model;
  compress::DeviceArray parameters;  ///< the model's, if the backend computes on a device
  nn::Tensor velocity;               ///< of SGD with momentum, [d]; empty if the run has none
  std::vector<float> images;         ///< room for a batch that the host makes
  std::vector<std::uint8_t> labels;  ///< of the slot's last batch
  std::vector<float> theta;  ///< theta^(H) as read back, [d]; unused if it stays on a device
};

/// The number of compute slots of these settings on this machine, at least one for each device.
[[nodiscard]] std::size_t slot_count(const Settings& settings);

/// Makes one Compute for each slot, slot i on device i mod G. Throws UsageError for an unknown
/// backend, nn::BackendError if the backend refuses.
[[nodiscard]] std::vector<Compute> make_compute(const Settings& settings, std::size_t slots);

/// Makes batches for the slots' networks from a data set's images. If the backend can, each device
/// has one copy of the bytes, from which all its slots cut their batches. Else the host makes the
/// batches, the same to the bit. Thread-safe.
class SlotImages {
 public:
  struct Batch {
    nn::Tensor images;                     ///< [n, 3, 32, 32], plain
    std::span<const std::uint8_t> labels;  ///< [n]; held by the slot until its next batch
  };

  /// `dataset` must outlive this object. Throws nn::BackendError if a device refuses.
  SlotImages(const data::Dataset& dataset, std::span<const Compute> compute);

  [[nodiscard]] const data::Dataset& dataset() const { return *dataset_; }

  /// These views of images, normalised, for a slot. Throws std::invalid_argument if an index is
  /// beyond the data set.
  [[nodiscard]] Batch load(std::span<const data::View> views, Compute& compute) const;

 private:
  const data::Dataset* dataset_;
  std::vector<std::unique_ptr<const nn::ImageStore>> held_;  ///< one a device; null: on the host
};

}  // namespace mvsgd::sim
