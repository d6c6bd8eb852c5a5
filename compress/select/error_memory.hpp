// The error memory of Algorithm 1 (lines 9 and 22): a worker adds what it did not send to its next
// difference.
#pragma once

#include <span>

#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// e <- (theta_H - theta_0) + e, elementwise: the memory now holds the difference D of Algorithm 1
/// line 9. All [d]. Throws std::invalid_argument if the lengths differ. Cost: one pass.
void add_difference(std::span<const float> theta_h, std::span<const float> theta_0,
                    std::span<float> e);

/// values[j] = x[mask[j]]: M (x) D in increasing coordinate. Throws std::invalid_argument if an
/// index is out of range or the lengths differ.
void gather(std::span<const float> x, std::span<const Index> mask, std::span<float> values);

/// e[mask[j]] <- e[mask[j]] - sent[j]: the memory keeps D minus what was sent (line 22), which is
/// exactly +0 for a value sent unquantised. Throws as gather.
void subtract_sent(std::span<const Index> mask, std::span<const float> sent, std::span<float> e);

/// y[mask[j]] <- y[mask[j]] + values[j]. Throws as gather.
void scatter_add(std::span<const Index> mask, std::span<const float> values, std::span<float> y);

}  // namespace mvsgd::compress
