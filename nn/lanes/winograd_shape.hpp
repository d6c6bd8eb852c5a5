// The tiles of Winograd's convolutions, and the layout of their transforms in memory.
#pragma once

#include <cstdint>

#include "nn/lanes/activation.hpp"

namespace mvsgd::nn::lanes {

inline constexpr std::int64_t kTile = 4;     ///< results along a side
inline constexpr std::int64_t kPlaces = 36;  ///< products of a tile

[[nodiscard]] constexpr std::int64_t tiles_across(const Activation& shape) {
  return (shape.width + kTile - 1) / kTile;
}
/// The number of tiles of a block.
[[nodiscard]] constexpr std::int64_t tiles_of(const Activation& shape) {
  return (shape.height + kTile - 1) / kTile * tiles_across(shape);
}
/// The distance in floats between two places of transformed values
/// [36][tiles][channels][16 images]. Another 64 bytes keep the same element of all places from
/// falling into one set of the cache.
[[nodiscard]] constexpr std::int64_t place_stride(std::int64_t tiles, std::int64_t channels) {
  return (tiles * channels + 1) * kLanes;
}
/// The same for a weight gradient's sums [36][inputs][padded(outputs)].
[[nodiscard]] constexpr std::int64_t sum_stride(std::int64_t inputs, std::int64_t outputs) {
  return inputs * padded(outputs) + kLanes;
}
/// The number of parts of `part` floats that are transformed and multiplied at once. They are few
/// enough to leave room in the second-level cache for what is read and written, but together no
/// smaller than the `whole` that is read for them.
[[nodiscard]] constexpr std::int64_t in_cache(std::int64_t part, std::int64_t whole) {
  constexpr std::int64_t kFloats = std::int64_t{32} << 10;
  return ((whole > kFloats ? whole : kFloats) + part - 1) / part;
}
/// Channels of one side, a multiple of 8, whose 36 numbers with each of the other's weigh as much
/// as fits; but no fewer than 32, since all tiles are read again for each group of channels.
[[nodiscard]] constexpr std::int64_t channels_at_once(std::int64_t others) {
  constexpr std::int64_t kFloats = std::int64_t{32} << 10;
  constexpr std::int64_t kLeast = 32;
  const std::int64_t fit = kFloats / (kPlaces * others) / 8 * 8;
  return fit > kLeast ? fit : kLeast;
}
/// Of so many tiles, those of a weight gradient that are transformed and multiplied at once.
[[nodiscard]] constexpr std::int64_t chunk_of(std::int64_t inputs, std::int64_t outputs,
                                              std::int64_t tiles) {
  const std::int64_t chunk = in_cache(kPlaces * kLanes * (inputs + padded(outputs)),
                                      kPlaces * sum_stride(inputs, outputs));
  return chunk < tiles ? chunk : tiles;
}

}  // namespace mvsgd::nn::lanes
