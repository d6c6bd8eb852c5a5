// What a few trials of one experiment say together.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace mvsgd::sim {

struct Sample {
  double mean = 0;
  std::optional<double> deviation;  ///< sample standard deviation, of n - 1; none of one value
  std::size_t n = 0;
};

/// Throws std::invalid_argument if there is no value.
[[nodiscard]] Sample sample(std::span<const double> values);

}  // namespace mvsgd::sim
