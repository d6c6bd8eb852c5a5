// The images that settings name.
#pragma once

#include "data/dataset.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The images that `data` names. Throws data::FormatError if they cannot be read.
[[nodiscard]] data::TrainTest load_images(const Settings& settings);

}  // namespace mvsgd::sim
