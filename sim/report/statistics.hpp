// What the trials of one experiment say together.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace mvsgd::sim {

struct Sample {
  double mean = 0;
  std::optional<double> deviation;  ///< sample standard deviation, over n - 1; none for one value
  std::size_t n = 0;
};

/// Throws std::invalid_argument if there is no value.
[[nodiscard]] Sample sample(std::span<const double> values);

/// Half the width of Student's confidence interval of the mean: it is mean - w to mean + w. None
/// without a deviation. Throws std::domain_error unless 0 < level < 1.
[[nodiscard]] std::optional<double> half_width(const Sample& s, double level = 0.95);

/// A two-sided t-test of whether a difference of means is 0.
struct TTest {
  double t = 0;        ///< the difference over its standard error
  double degrees = 0;  ///< of freedom
  double p = 1;
};

/// Welch's test of two samples, whatever their variances, with the degrees of freedom of Welch and
/// Satterthwaite. None unless both samples have a deviation and at least one deviation is not 0.
[[nodiscard]] std::optional<TTest> welch_test(const Sample& a, const Sample& b);

/// Student's test of pairs: whether the mean of a[i] - b[i] is 0. None for fewer than two pairs, or
/// if all differences are the same. Throws std::invalid_argument if the sizes differ.
[[nodiscard]] std::optional<TTest> paired_test(std::span<const double> a,
                                               std::span<const double> b);

/// The p-values of one family of tests, adjusted by Holm's step-down procedure (1979): if each is
/// compared with alpha, the chance of one false rejection or more is at most alpha, however the
/// tests depend on each other.
///
///   returns  the adjusted values, at most 1, in the order of `p`
[[nodiscard]] std::vector<double> holm(std::span<const double> p);

}  // namespace mvsgd::sim
