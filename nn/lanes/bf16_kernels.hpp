// The loops of bfloat16 convolutions with one unit of tiles_units.hpp.
#pragma once

#include "nn/lanes/bf16_gather_loops.hpp"
#include "nn/lanes/bf16_weight_loops.hpp"

namespace mvsgd::nn::lanes {

template <typename Unit>
[[nodiscard]] constexpr TileFunctions tile_functions() {
  return {.gather = detail::gather_units<Unit>, .weights = detail::weight_units<Unit>};
}

}  // namespace mvsgd::nn::lanes
