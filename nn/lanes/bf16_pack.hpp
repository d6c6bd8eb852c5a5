// Rounds float32 to bfloat16 and packs it into the places from which tiles are loaded, and unpacks
// sums of tiles. All functions round as nearest_bf16() does, and give the same bits on every
// processor.
#pragma once

#include <cstdint>

#include "nn/kernel_types.hpp"
#include "nn/lanes/bf16_plan.hpp"

namespace mvsgd::nn::lanes {

/// Packs one row of a gather's source into words [packed columns][channel pairs][16 images]. `row`
/// is [columns.extent][channels][16]. Columns outside and padded channels become zeros.
void pack_source_row(const float* row, const Gather& gather, const Cut& cut, std::uint32_t* to);
void pack_source_row(const std::uint16_t* row, const Gather& gather, const Cut& cut,
                     std::uint32_t* to);

/// Packs the left factors of a gather for 16 outputs from 16 * tile on, as words
/// [kernel row][step][16][16] of which a row uses cut.pairs. Rows past the outputs are zero.
void pack_weight_tiles(const float* w, const Gather& gather, const Cut& cut, std::int64_t tile,
                       std::uint32_t* to);

/// Packs a row of dy, [pixels][O][16], as left factors: bfloat16
/// [output tile][step][output][pixel][16]. Outputs past O are zero.
void pack_result_row(const float* row, const WeightSum& sum, std::uint16_t* to);
void pack_result_row(const std::uint16_t* row, const WeightSum& sum, std::uint16_t* to);

/// Packs a row of x, [W][C][16], as right factors: words
/// [channel tile][phase][column][image pair][16 channels]. Columns outside, and channels past C,
/// are zero.
void pack_image_row(const float* row, const WeightSum& sum, std::uint32_t* to);
void pack_image_row(const std::uint16_t* row, const WeightSum& sum, std::uint32_t* to);

/// Writes the gradients of output o's weights, [C][R][S], from tiles of sums,
/// [output tile][kernel row][channel tile][kernel column][16 outputs][16 channels].
void spread_sums(const float* tiles, const WeightSum& sum, std::int64_t o, float* dw, Into into);

}  // namespace mvsgd::nn::lanes
