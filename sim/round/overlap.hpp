// What two supports have in common: the temporal correlation that section 3 builds on.
#pragma once

#include <span>

#include "compress/select/top_k.hpp"

namespace mvsgd::sim {

/// |a and b| / |b| for strictly increasing a and b; 0 if b is empty.
[[nodiscard]] double overlap(std::span<const compress::Index> a,
                             std::span<const compress::Index> b);

}  // namespace mvsgd::sim
