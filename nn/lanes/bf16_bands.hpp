// The arguments of the loops over tiles: packed data that fit into a cache, and where to go on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nn/lanes/bf16_plan.hpp"

namespace mvsgd::nn::lanes {

/// The work on one filled band of a gather: `slots` image blocks from `first_block` on, and of each
/// the result rows [begin, end).
struct GatherBand {
  const Gather* gather = nullptr;
  Cut cut;
  TileShape tile;
  const std::byte* weights = nullptr;  ///< tiles: [output tile][kernel row][step]
  const std::byte* source = nullptr;   ///< packed: [slot][packed row][row_bytes]
  std::int64_t row_bytes = 0;
  std::int64_t slot_bytes = 0;
  std::int64_t slots = 0;
  std::int64_t first_block = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  float* result = nullptr;  ///< the whole tensor, in lanes

  /// Output tiles are computed in pairs, so that each loaded factor serves twice.
  [[nodiscard]] std::int64_t groups() const { return (gather->output_tiles() + 1) / 2; }
  /// A unit of work is one group's part of one row. Groups are outermost, then slots, then rows.
  [[nodiscard]] std::int64_t units() const { return groups() * slots * (end - begin); }
};

/// The same for a sum over images and pixels: rows [begin, end) of dy, for some image blocks.
struct WeightBand {
  const WeightSum* sum = nullptr;
  TileShape tile;
  const std::byte* results = nullptr;  ///< dy packed: [slot][row][output tile][step] tiles
  const std::byte* images = nullptr;   ///< x packed: [slot][row][channel tile][phase][column]
  std::int64_t result_row_bytes = 0;
  std::int64_t image_row_bytes = 0;
  std::int64_t image_rows = 0;  ///< of a slot
  std::int64_t slots = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  bool first = true;       ///< sums start at zero, else at the values in `tiles`
  float* tiles = nullptr;  ///< [output tile][kernel row][channel tile][kernel column][16][16]

  [[nodiscard]] std::int64_t groups() const { return (sum->output_tiles() + 1) / 2; }
  /// The right factors of a kernel row; two or four are taken at a time.
  [[nodiscard]] std::int64_t columns() const {
    return sum->channel_tiles() * sum->shape.kernel_width;
  }
  /// A unit of work is one group's sums of one kernel row. Groups are outermost.
  [[nodiscard]] std::int64_t units() const { return groups() * sum->shape.kernel_height; }
};

/// Computes units [first, last) of a band, in one thread.
using GatherFunction = void (*)(const GatherBand& band, std::int64_t first, std::int64_t last);
using WeightFunction = void (*)(const WeightBand& band, std::int64_t first, std::int64_t last);
struct TileFunctions {
  GatherFunction gather = nullptr;
  WeightFunction weights = nullptr;
};

}  // namespace mvsgd::nn::lanes
