// A stand-in for CIFAR-10 that needs no file: shapes with textures, drawn by a formula.
#pragma once

#include <cstddef>
#include <cstdint>

#include "data/dataset.hpp"

namespace mvsgd::data {

struct SyntheticOptions {
  std::size_t train = 10000;  ///< images to learn from
  std::size_t test = 2000;    ///< held out: drawn apart from those
  std::uint64_t seed = 0;
  float noise = 1;  ///< times the amplitude of the noise; >= 0
};

/// Images of ten classes, image i of class i mod 10. A class is a shape filled with a texture, as a
/// disc with rows or a ring with columns; position, size, tilt, colours, contrast, background,
/// noise and two small distractors differ from image to image. Mirrored and cropped images stay in
/// their class. data/README.md has the ten classes, and what classifiers reach. Images of one seed
/// and of another `noise` are the same scenes.
///
/// The bytes are the same on every machine, and image i of a set does not depend on how many there
/// are. Cost: about 70 us an image.
[[nodiscard]] TrainTest synthesize(const SyntheticOptions& options);

}  // namespace mvsgd::data
