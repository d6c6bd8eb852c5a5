// The aggregate of the workers' values, eqs 4 and 8.
#pragma once

#include <cstdint>
#include <span>

namespace mvsgd::compress {

/// sum[i] <- sum[i] + values[i]. To be called for one worker after another, from 0 to N - 1:
/// float32 sums depend on their order, which is part of the result. Throws std::invalid_argument if
/// the lengths differ. Cost: one pass, two reads and a write.
void add_values(std::span<const float> values, std::span<float> sum);

/// sum[i] <- sum[i] / N, rounded once: the mean, which eqs 4 and 8 have and Algorithms 1 and 2 do
/// not. Throws std::invalid_argument if workers = 0. Cost: one pass, a read and a write.
void divide_by_workers(std::uint32_t workers, std::span<float> sum);

}  // namespace mvsgd::compress
