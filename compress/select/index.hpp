// Coordinates of the model.
#pragma once

#include <cstdint>

namespace mvsgd::compress {

/// A coordinate of the model, 0 <= i < d <= 2^32 - 1.
using Index = std::uint32_t;

}  // namespace mvsgd::compress
