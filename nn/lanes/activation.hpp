// How an activation stands in memory: images side by side in the lanes of vectors.
#pragma once

#include <cstdint>

#include "nn/tensor.hpp"

namespace mvsgd::nn::lanes {

/// Images in a block. A vector of an instruction set holds all of them or a part.
inline constexpr std::int64_t kLanes = 16;

/// An activation [N, C, H, W], stored as [blocks][H][W][C][16 images]; images of zeros fill up the
/// last block. No channel is padded, the channels of a pixel stand together, and no loop over
/// pixels or channels mixes two images.
struct Activation {
  std::int64_t images = 0;
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;

  explicit Activation(const Shape& shape)
      : images(shape[0]), channels(shape[1]), height(shape[2]), width(shape[3]) {}

  [[nodiscard]] std::int64_t blocks() const { return (images + kLanes - 1) / kLanes; }
  [[nodiscard]] std::int64_t plane() const { return height * width; }
  [[nodiscard]] std::int64_t pixel_stride() const { return channels * kLanes; }
  [[nodiscard]] std::int64_t block_stride() const { return plane() * pixel_stride(); }
  [[nodiscard]] std::int64_t floats() const { return blocks() * block_stride(); }
  /// The number of images of a block that are not filling.
  [[nodiscard]] std::int64_t images_of(std::int64_t block) const {
    const std::int64_t left = images - block * kLanes;
    return left < kLanes ? left : kLanes;
  }
};

/// The channels of a transposed copy: a multiple of 8.
[[nodiscard]] constexpr std::int64_t padded(std::int64_t channels) {
  return (channels + 7) / 8 * 8;
}

/// Whether the results' channels fill vectors better than x's, in a weight gradient.
[[nodiscard]] constexpr bool has_few_channels(const Activation& x, const Activation& y) {
  return x.channels * padded(y.channels) < padded(x.channels) * y.channels;
}

}  // namespace mvsgd::nn::lanes
