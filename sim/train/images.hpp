// The images that settings name, and whose they are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The images that `data` names. Throws data::FormatError if they cannot be read.
[[nodiscard]] data::TrainTest load_images(const Settings& settings);

/// Under which an environment has digest_of() the images.
inline constexpr const char* kImagesDigest = "data_sha256";

/// SHA-256 of all labels and pixels, wherever and in whatever files they lie. Cost: 0.2 s for
/// CIFAR-10.
[[nodiscard]] std::string digest_of(const data::TrainTest& images);

/// Where `data` is as an absolute path; "synthetic" stays.
[[nodiscard]] std::string absolute_data(const Settings& settings);

/// The split of the training images over the workers that `split` names, drawn by `seed`.
///
///   returns  [N], worker n's images as indices into `training`
///
/// Throws std::invalid_argument if there are fewer images than workers.
[[nodiscard]] std::vector<std::vector<std::uint32_t>> split_images(const Settings& settings,
                                                                   const data::Dataset& training);

}  // namespace mvsgd::sim
