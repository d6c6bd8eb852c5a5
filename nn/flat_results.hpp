// What operators on flat arrays return (nn/flat_operators.hpp); for sources of C++17 too.
#pragma once

#include <cstdint>
#include <vector>

namespace mvsgd::nn {

/// The k elements of largest magnitude, of equals the lower index first.
struct Largest {
  std::vector<std::uint32_t> support;  ///< [k], increasing
  float magnitude = 0;                 ///< the k-th; 0 if k = 0
};

/// What the boundaries of eq 18's levels are made from.
struct Extremes {
  float v_max = 0;  ///< the largest |v_i|
  float v_min = 0;  ///< the smallest that is not 0; 0 if there is none
};

/// Values as codes of their levels.
struct LevelCodes {
  std::vector<std::uint8_t> codes;  ///< level - 1, and L more of a negative value
  std::vector<float> magnitudes;    ///< [L], the mean of each level's
};

}  // namespace mvsgd::nn
