// The images that settings name, and whose they are.
#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The images that `data` names. Throws data::FormatError if they cannot be read.
[[nodiscard]] data::TrainTest load_images(const Settings& settings);

/// The split of the training images over the workers that `split` names, drawn by `seed`.
///
///   returns  [N], worker n's images as indices into `training`
///
/// Throws std::invalid_argument if there are fewer images than workers.
[[nodiscard]] std::vector<std::vector<std::uint32_t>> split_images(const Settings& settings,
                                                                   const data::Dataset& training);

}  // namespace mvsgd::sim
