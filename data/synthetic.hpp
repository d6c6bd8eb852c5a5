// A stand-in for CIFAR-10 that needs no file: shapes with textures, drawn by a formula.
#pragma once

#include <cstddef>
#include <cstdint>

#include "data/dataset.hpp"

namespace mvsgd::data {

struct SyntheticOptions {
  std::size_t train = 10000;  ///< images to learn from
  std::size_t test = 2000;    ///< held out: drawn separately
  std::uint64_t seed = 0;
  float noise = 1;  ///< factor of the noise's amplitude; >= 0
};

/// Images of ten classes; image i has class i mod 10. A class is a shape filled with a texture,
/// such as a disc with rows or a ring with columns. Position, size, tilt, colours, contrast,
/// background, noise and two small distractors differ from image to image. Mirrored and cropped
/// images stay in their class. data/README.md describes the ten classes, and says what classifiers
/// reach. Another `noise` with the same seed gives the same scenes.
///
/// The bytes are the same on every machine, and image i of a set does not depend on the set's size.
/// Cost: about 70 us an image.
[[nodiscard]] TrainTest synthesize(const SyntheticOptions& options);

}  // namespace mvsgd::data
