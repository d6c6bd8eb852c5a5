#include "data/partition.hpp"

#include <array>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "data/random.hpp"

namespace mvsgd::data {
namespace {

void check_sizes(std::size_t n, std::size_t workers) {
  if (workers == 0 || workers > n || n > std::numeric_limits<std::uint32_t>::max()) {
    throw std::invalid_argument("partition: " + std::to_string(n) + " images over " +
                                std::to_string(workers) + " workers");
  }
}

}  // namespace

std::vector<std::vector<std::uint32_t>> partition(std::size_t n, std::size_t workers,
                                                  std::uint64_t seed) {
  check_sizes(n, workers);
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

std::vector<std::vector<std::uint32_t>> stratified_partition(std::span<const std::uint8_t> labels,
                                                             std::size_t workers,
                                                             std::uint64_t seed) {
  check_sizes(labels.size(), workers);
  // The images are dealt to the workers in turn like cards, one class after another. Each class
  // begins where the one before ended.
  std::array<std::size_t, 256> next{};  // for each class, the place of its next image in the pack
  for (const std::uint8_t label : labels) ++next[label];
  std::exclusive_scan(next.begin(), next.end(), next.begin(), std::size_t{0});
  std::vector<std::vector<std::uint32_t>> parts(workers);
  const auto n = static_cast<std::uint32_t>(labels.size());
  for (const std::uint32_t image : shuffled(n, seed, Purpose::kStratifiedPartition, {})) {
    parts[next[labels[image]]++ % workers].push_back(image);
  }
  return parts;
}

}  // namespace mvsgd::data
