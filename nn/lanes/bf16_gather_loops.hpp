// The loops over a band of a gather, by tiles, for any unit of tiles_units.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "nn/lanes/bf16_bands.hpp"
#include "nn/lanes/bf16_loops.hpp"

namespace mvsgd::nn::lanes::detail {

/// Computes Lefts output tiles from `tile` on, at Rights pixels of row i from `column` on.
template <int Lefts, int Rights, typename Unit>
void gather_pixels(Unit& unit, const GatherBand& band, std::int64_t tile, std::int64_t slot,
                   std::int64_t i, std::int64_t column) {
  const Gather& gather = *band.gather;
  const Cut& cut = band.cut;
  const std::int64_t pixel_bytes = gather.columns.pitch() * cut.channel_pairs * kRowBytes;
  const std::byte* source = band.source + slot * band.slot_bytes +
                            (i - band.begin) * gather.rows.pitch() * band.row_bytes +
                            column * pixel_bytes;
  unrolled<Lefts * Rights>([&](auto c) { unit.template zero<c>(); });
  for (std::int64_t t = 0; t < gather.rows.taps; ++t) {
    if (!gather.rows.inside(i, t)) continue;
    std::array<Factors, Lefts> lefts;
    std::array<Factors, Rights> rights;
    unrolled<Lefts>([&](auto l) {
      const std::int64_t row = (tile + l) * gather.rows.taps + t;
      lefts[l] = {band.weights + row * cut.steps * kTileBytes, kTileBytes};
    });
    unrolled<Rights>([&](auto r) {
      rights[r] = {source + t * band.row_bytes + r * pixel_bytes, cut.pairs * kRowBytes};
    });
    accumulate<Lefts, Rights>(unit, lefts, kRowBytes, rights, cut.steps);
  }
  const std::int64_t y = gather.rows.result_first + i * gather.rows.result_step;
  unrolled<Lefts>([&](auto l) {
    const std::int64_t output = (tile + l) * kTileSide;
    const std::int64_t outputs = gather.outputs - output;
    unrolled<Rights>([&](auto r) {
      const std::int64_t x =
          gather.columns.result_first + (column + r) * gather.columns.result_step;
      const std::int64_t pixel =
          ((band.first_block + slot) * gather.result_height + y) * gather.result_width + x;
      float* to = band.result + (pixel * gather.outputs + output) * kLanes;
      if (outputs >= band.tile.rows) {
        unit.template store<l * Rights + r>(to);
      } else {
        // The last tile has fewer outputs than rows.
        alignas(kRowBytes) std::array<float, kTileSide * kTileSide> whole;
        unit.template store<l * Rights + r>(whole.data());
        std::memcpy(to, whole.data(), static_cast<std::size_t>(outputs * kRowBytes));
      }
    });
  });
}

/// Computes a row of pixels, Rights at a time, and the rest fewer at a time.
template <int Lefts, int Rights, typename Unit>
void gather_row(Unit& unit, const GatherBand& band, std::int64_t tile, std::int64_t slot,
                std::int64_t i, std::int64_t column) {
  const std::int64_t end = band.gather->columns.results;
  for (; column + Rights <= end; column += Rights) {
    gather_pixels<Lefts, Rights>(unit, band, tile, slot, i, column);
  }
  if constexpr (Rights > 1) {
    if (column < end) gather_row<Lefts, Rights / 2>(unit, band, tile, slot, i, column);
  }
}

template <typename Unit>
void gather_units(const GatherBand& band, std::int64_t first, std::int64_t last) {
  Unit unit(band.tile);
  const std::int64_t rows = band.end - band.begin;
  for (std::int64_t at = first; at < last; ++at) {
    const std::int64_t tile = at / (rows * band.slots) * 2;
    const std::int64_t slot = at / rows % band.slots;
    const std::int64_t i = band.begin + at % rows;
    if (tile + 1 < band.gather->output_tiles()) {
      gather_row<2, 2>(unit, band, tile, slot, i, 0);
    } else {
      gather_row<1, 4>(unit, band, tile, slot, i, 0);
    }
  }
}

}  // namespace mvsgd::nn::lanes::detail
