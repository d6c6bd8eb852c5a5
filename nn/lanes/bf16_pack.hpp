// Float32 rounded to bfloat16 and put where tiles are loaded from, and sums of tiles taken back.
// All round as nearest_bf16() does, and are the same on every processor.
#pragma once

#include <cstdint>

#include "nn/kernel_types.hpp"
#include "nn/lanes/bf16_plan.hpp"

namespace mvsgd::nn::lanes {

/// One packed row of a gather's source: [packed columns][channel pairs][16 images] words. `row` is
/// [columns.extent][channels][16]; what lies outside, and padded channels, become zeros.
void pack_source_row(const float* row, const Gather& gather, const Cut& cut, std::uint32_t* to);
void pack_source_row(const std::uint16_t* row, const Gather& gather, const Cut& cut,
                     std::uint32_t* to);

/// The left factors of a gather for 16 outputs from 16 * tile on: [kernel row][step][16][16] words,
/// of which a row has cut.pairs. What is past the outputs is zero.
void pack_weight_tiles(const float* w, const Gather& gather, const Cut& cut, std::int64_t tile,
                       std::uint32_t* to);

/// A row of dy, [pixels][O][16], as left factors: [output tile][step][output][pixel][16] bfloat16.
/// Outputs past O are zero.
void pack_result_row(const float* row, const WeightSum& sum, std::uint16_t* to);
void pack_result_row(const std::uint16_t* row, const WeightSum& sum, std::uint16_t* to);

/// A row of x, [W][C][16], as right factors: [channel tile][phase][column][image pair][16 channels]
/// words. What lies outside, and channels past C, are zero.
void pack_image_row(const float* row, const WeightSum& sum, std::uint32_t* to);
void pack_image_row(const std::uint16_t* row, const WeightSum& sum, std::uint32_t* to);

/// The gradients of output o's weights, [C][R][S], from tiles of sums,
/// [output tile][kernel row][channel tile][kernel column][16 outputs][16 channels].
void spread_sums(const float* tiles, const WeightSum& sum, std::int64_t o, float* dw, Into into);

}  // namespace mvsgd::nn::lanes
