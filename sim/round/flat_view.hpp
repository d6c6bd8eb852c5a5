// The model's parameters as one flat array, wherever it is.
#pragma once

#include <span>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "compress/device/device_operators.hpp"

namespace mvsgd::sim {

/// A view of d parameters: on the host, or on a device.
class FlatView {
 public:
  /// `operators` are the worker's. Readers use them to copy or inspect the array.
  struct OnDevice {
    compress::DeviceOperators* operators = nullptr;
    compress::DeviceArray array;
  };

  FlatView() = default;
  FlatView(std::span<const float> on_host) : where_(on_host) {}
  FlatView(const std::vector<float>& on_host) : where_(std::span<const float>(on_host)) {}
  FlatView(OnDevice on_device) : where_(std::move(on_device)) {}

  /// Throws std::logic_error if the parameters are on a device.
  [[nodiscard]] std::span<const float> host() const {
    if (const auto* const values = std::get_if<std::span<const float>>(&where_)) return *values;
    throw std::logic_error("FlatView: the parameters are on a device");
  }
  /// Throws std::logic_error if the parameters are on the host.
  [[nodiscard]] const OnDevice& device() const {
    if (const auto* const there = std::get_if<OnDevice>(&where_)) return *there;
    throw std::logic_error("FlatView: the parameters are on the host");
  }
  [[nodiscard]] bool is_on_device() const { return std::holds_alternative<OnDevice>(where_); }

 private:
  std::variant<std::span<const float>, OnDevice> where_;
};

}  // namespace mvsgd::sim
