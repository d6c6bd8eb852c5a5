// The plug-ins of this build. sim/CMakeLists.txt makes the source file.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "comm/processes.hpp"
#include "compress/device/device_operators.hpp"
#include "nn/backend_entry.hpp"

namespace mvsgd::sim {

[[nodiscard]] std::span<const nn::BackendEntry> backend_list();

/// The device operators of one backend.
struct DeviceEntry {
  std::string_view backend;
  std::unique_ptr<compress::DeviceOperators> (*make)(int device);
  /// A plain tensor of the backend, as an array that its device's operators take.
  compress::DeviceArray (*array)(const nn::Tensor& x);
};
[[nodiscard]] std::span<const DeviceEntry> device_list();

/// The transports between processes.
[[nodiscard]] std::span<const comm::TransportEntry> transport_list();

}  // namespace mvsgd::sim
