// The loops over a band of the sums of a weight gradient, for any unit of tiles_units.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "nn/lanes/bf16_bands.hpp"
#include "nn/lanes/bf16_loops.hpp"

namespace mvsgd::nn::lanes::detail {

/// Computes the sums of kernel row u for Lefts output tiles from `tile` on and Rights columns from
/// `column` on.
template <int Lefts, int Rights, typename Unit>
void weight_tiles(Unit& unit, const WeightBand& band, std::int64_t tile, std::int64_t u,
                  std::int64_t column) {
  const WeightSum& sum = *band.sum;
  const ConvolutionShape& shape = sum.shape;

  const std::int64_t left_row_bytes = 4 * band.tile.pairs;
  const std::int64_t left_bytes = band.tile.rows * left_row_bytes;
  const std::int64_t pixel_bytes = kLanes / 2 * kRowBytes;
  float* sums = band.tiles;
  const auto place = [&](std::int64_t l, std::int64_t r) {
    const std::int64_t row = (tile + l) * shape.kernel_height + u;
    return sums + (row * band.columns() + column + r) * kTileSide * kTileSide;
  };
  std::array<std::int64_t, Rights> right_bytes;  // into a packed row of x
  unrolled<Rights>([&](auto r) {
    const std::int64_t channel_tile = (column + r) / shape.kernel_width;
    const std::int64_t v = (column + r) % shape.kernel_width;
    const std::int64_t phase = channel_tile * sum.phases() + v % shape.stride;
    right_bytes[r] = (phase * sum.phase_columns() + v / shape.stride) * pixel_bytes;
  });
  unrolled<Lefts>([&](auto l) {
    unrolled<Rights>([&](auto r) {
      if (band.first) {
        unit.template zero<l * Rights + r>();
      } else {
        unit.template load<l * Rights + r>(place(l, r), kRowBytes);
      }
    });
  });
  for (std::int64_t slot = 0; slot < band.slots; ++slot) {
    for (std::int64_t i = band.begin; i < band.end; ++i) {
      if (!sum.rows.inside(i, u)) continue;
      const std::int64_t row = i - band.begin;
      const std::byte* results =
          band.results + (slot * (band.end - band.begin) + row) * band.result_row_bytes;
      const std::byte* images =
          band.images +
          (slot * band.image_rows + row * sum.rows.pitch() + u) * band.image_row_bytes;
      std::array<Factors, Lefts> lefts;
      std::array<Factors, Rights> rights;
      unrolled<Lefts>([&](auto l) {
        lefts[l] = {results + (tile + l) * sum.steps() * left_bytes, left_bytes};
      });
      unrolled<Rights>([&](auto r) {
        rights[r] = {images + right_bytes[r], sum.pixels() * pixel_bytes};
      });
      accumulate<Lefts, Rights>(unit, lefts, left_row_bytes, rights, sum.steps());
    }
  }
  unrolled<Lefts>([&](auto l) {
    unrolled<Rights>([&](auto r) { unit.template store<l * Rights + r>(place(l, r)); });
  });
}

template <int Lefts, int Rights, typename Unit>
void weight_row(Unit& unit, const WeightBand& band, std::int64_t tile, std::int64_t u,
                std::int64_t column) {
  for (; column + Rights <= band.columns(); column += Rights) {
    weight_tiles<Lefts, Rights>(unit, band, tile, u, column);
  }
  if constexpr (Rights > 1) {
    if (column < band.columns()) weight_row<Lefts, Rights / 2>(unit, band, tile, u, column);
  }
}

template <typename Unit>
void weight_units(const WeightBand& band, std::int64_t first, std::int64_t last) {
  Unit unit(band.tile);
  for (std::int64_t at = first; at < last; ++at) {
    const std::int64_t tile = at / band.sum->shape.kernel_height * 2;
    const std::int64_t u = at % band.sum->shape.kernel_height;
    if (tile + 1 < band.sum->output_tiles()) {
      weight_row<2, 2>(unit, band, tile, u, 0);
    } else {
      weight_row<1, 4>(unit, band, tile, u, 0);
    }
  }
}

}  // namespace mvsgd::nn::lanes::detail
