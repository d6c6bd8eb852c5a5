// The images that settings name, and the workers that train on them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The images that `data` names. Throws data::FormatError if they cannot be read.
[[nodiscard]] data::TrainTest load_images(const Settings& settings);

/// The name of digest_of() the images in an environment.
inline constexpr const char* kImagesDigest = "data_sha256";

/// SHA-256 of all labels and pixels, whichever files they come from. Cost: 0.2 s for CIFAR-10.
[[nodiscard]] std::string digest_of(const data::TrainTest& images);

/// `data` as an absolute path; "synthetic" stays as it is.
[[nodiscard]] std::string absolute_data(const Settings& settings);

/// Splits the training images over the workers as `split` says, drawn with `seed`.
///
///   returns  [N], worker n's images as indices into `training`
///
/// Throws UsageError if the images cannot be split so: fewer images than workers, or what
/// data/skewed_partition.hpp refuses.
[[nodiscard]] std::vector<std::vector<std::uint32_t>> split_images(const Settings& settings,
                                                                   const data::Dataset& training);

}  // namespace mvsgd::sim
