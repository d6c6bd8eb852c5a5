#include "compress/values/aggregate.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>

namespace mvsgd::compress {

// Both loops are their own definitions: compilers vectorise them, and they are bound by memory.

void add_values(std::span<const float> values, std::span<float> sum) {
  if (values.size() != sum.size()) {
    throw std::invalid_argument("add_values: lengths " + std::to_string(values.size()) + " and " +
                                std::to_string(sum.size()));
  }
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
}

void divide_by_workers(std::uint32_t workers, std::span<float> sum) {
  if (workers == 0) throw std::invalid_argument("divide_by_workers: 0 workers");
  const auto n = static_cast<float>(workers);
  for (float& x : sum) x /= n;
}

}  // namespace mvsgd::compress
