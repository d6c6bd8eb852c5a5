#include "sim/report/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace mvsgd::sim {

Sample sample(std::span<const double> values) {
  if (values.empty()) throw std::invalid_argument("sample: no values");
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double x : values) sum += x;
  Sample result{.mean = sum / n, .deviation = std::nullopt, .n = values.size()};
  if (values.size() > 1) {
    double squares = 0;
    for (const double x : values) squares += (x - result.mean) * (x - result.mean);
    result.deviation = std::sqrt(squares / (n - 1));
  }
  return result;
}

std::optional<double> half_width(const Sample& s, double level) {
  if (!s.deviation) return std::nullopt;
  const auto n = static_cast<double>(s.n);
  const boost::math::students_t distribution(n - 1);
  return boost::math::quantile(distribution, (1 + level) / 2) * *s.deviation / std::sqrt(n);
}

namespace {

TTest two_sided(double t, double degrees) {
  const boost::math::students_t distribution(degrees);
  return {.t = t,
          .degrees = degrees,
          .p = 2 * boost::math::cdf(boost::math::complement(distribution, std::abs(t)))};
}

}  // namespace

std::optional<TTest> welch_test(const Sample& a, const Sample& b) {
  if (!a.deviation || !b.deviation) return std::nullopt;
  const auto squared_error = [](const Sample& s) {
    return *s.deviation * *s.deviation / static_cast<double>(s.n);
  };
  const double u = squared_error(a);
  const double v = squared_error(b);
  if (u + v == 0) return std::nullopt;
  const double degrees =
      (u + v) * (u + v) /
      (u * u / static_cast<double>(a.n - 1) + v * v / static_cast<double>(b.n - 1));
  return two_sided((a.mean - b.mean) / std::sqrt(u + v), degrees);
}

std::optional<TTest> paired_test(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) throw std::invalid_argument("paired_test: values without a partner");
  if (a.size() < 2) return std::nullopt;
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  const Sample difference = sample(differences);
  if (*difference.deviation == 0) return std::nullopt;
  const auto n = static_cast<double>(a.size());
  return two_sided(difference.mean / (*difference.deviation / std::sqrt(n)), n - 1);
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [p](std::size_t i) { return p[i]; });
  std::vector<double> adjusted(p.size());
  double before = 0;  // an adjusted value is never below that of a smaller p
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const auto left = static_cast<double>(order.size() - rank);
    before = std::max(before, std::min(1.0, left * p[order[rank]]));
    adjusted[order[rank]] = before;
  }
  return adjusted;
}

}  // namespace mvsgd::sim
