#include "sim/report/statistics.hpp"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
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

std::optional<Welch> welch_test(const Sample& a, const Sample& b) {
  if (!a.deviation || !b.deviation) return std::nullopt;
  const auto squared_error = [](const Sample& s) {
    return *s.deviation * *s.deviation / static_cast<double>(s.n);
  };
  const double u = squared_error(a);
  const double v = squared_error(b);
  if (u + v == 0) return std::nullopt;
  Welch test;
  test.t = (a.mean - b.mean) / std::sqrt(u + v);
  test.degrees = (u + v) * (u + v) /
                 (u * u / static_cast<double>(a.n - 1) + v * v / static_cast<double>(b.n - 1));
  const boost::math::students_t distribution(test.degrees);
  test.p = 2 * boost::math::cdf(boost::math::complement(distribution, std::abs(test.t)));
  return test;
}

}  // namespace mvsgd::sim
