// What the trials of one experiment say together.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace mvsgd::sim {

struct Sample {
  double mean = 0;
  std::optional<double> deviation;  ///< sample standard deviation, over n - 1; none for one value
  std::size_t n = 0;
};

/// Throws std::invalid_argument if there is no value.
[[nodiscard]] Sample sample(std::span<const double> values);

/// Welch's t-test of whether two samples' distributions have one mean, whatever their variances.
struct Welch {
  double t = 0;        ///< difference of the means over its standard error
  double degrees = 0;  ///< of freedom, by Welch and Satterthwaite
  double p = 1;        ///< two-sided
};

/// None unless both samples have a deviation and at least one deviation is not 0.
[[nodiscard]] std::optional<Welch> welch_test(const Sample& a, const Sample& b);

}  // namespace mvsgd::sim
