#include "data/partition.hpp"

#include <limits>
#include <stdexcept>
#include <string>

#include "data/random.hpp"

namespace mvsgd::data {

std::vector<std::vector<std::uint32_t>> partition(std::size_t n, std::size_t workers,
                                                  std::uint64_t seed) {
  if (workers == 0 || workers > n || n > std::numeric_limits<std::uint32_t>::max()) {
    throw std::invalid_argument("partition: " + std::to_string(n) + " images over " +
                                std::to_string(workers) + " workers");
  }
  const auto order = shuffled(static_cast<std::uint32_t>(n), seed, Purpose::kPartition, {});
  std::vector<std::vector<std::uint32_t>> parts;
  parts.reserve(workers);
  auto first = order.begin();
  for (std::size_t w = 0; w < workers; ++w) {
    const auto last = first + static_cast<std::ptrdiff_t>(n / workers + (w < n % workers ? 1 : 0));
    parts.emplace_back(first, last);
    first = last;
  }
  return parts;
}

}  // namespace mvsgd::data
