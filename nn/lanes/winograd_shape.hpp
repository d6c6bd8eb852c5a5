// The tiles of Winograd's convolutions, and how what is transformed of them stands in memory.
#pragma once

#include <cstdint>

#include "nn/lanes/activation.hpp"

namespace mvsgd::nn::lanes {

inline constexpr std::int64_t kTile = 4;     ///< results along a side
inline constexpr std::int64_t kPlaces = 36;  ///< products of a tile

[[nodiscard]] constexpr std::int64_t tiles_across(const Activation& shape) {
  return (shape.width + kTile - 1) / kTile;
}
/// Of a block.
[[nodiscard]] constexpr std::int64_t tiles_of(const Activation& shape) {
  return (shape.height + kTile - 1) / kTile * tiles_across(shape);
}
/// Floats from a place to the next of transformed values [36][tiles][channels][16 images]. 64 bytes
/// more keep the same element of all places from one set of the cache.
[[nodiscard]] constexpr std::int64_t place_stride(std::int64_t tiles, std::int64_t channels) {
  return (tiles * channels + 1) * kLanes;
}
/// The same of a weight gradient's sums [36][outputs][padded(inputs)].
[[nodiscard]] constexpr std::int64_t sum_stride(std::int64_t outputs, std::int64_t inputs) {
  return outputs * padded(inputs) + kLanes;
}
/// Of so many tiles, those of a weight gradient that are transformed and multiplied at once: they
/// are used while in the cache, and are enough to make it worth going through the sums.
[[nodiscard]] constexpr std::int64_t chunk_of(std::int64_t inputs, std::int64_t outputs,
                                              std::int64_t tiles) {
  constexpr std::int64_t kFloats = std::int64_t{96} << 10;
  const std::int64_t fit = kFloats / (kPlaces * kLanes * (inputs + outputs));
  const std::int64_t chunk = fit < 8 ? 8 : fit;
  return chunk < tiles ? chunk : tiles;
}

}  // namespace mvsgd::nn::lanes
