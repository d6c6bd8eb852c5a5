// Which backends this build has, and how settings choose one.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "nn/backend.hpp"
#include "sim/settings.hpp"

namespace mvsgd::sim {

/// The names that `backend` takes in this build.
[[nodiscard]] std::span<const std::string_view> backends_built();

/// The backend that these settings name. Throws UsageError if there is none, or none in this build,
/// and nn::UnavailableError naming the key if this machine has not what they ask of it.
[[nodiscard]] std::unique_ptr<nn::Backend> make_backend(const Settings& settings);

/// Which convolutions the onednn backend has here and what it costs that it has no others; "" if it
/// is not in this build.
[[nodiscard]] std::string convolutions_here();

}  // namespace mvsgd::sim
