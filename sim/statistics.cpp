#include "sim/statistics.hpp"

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

}  // namespace mvsgd::sim
