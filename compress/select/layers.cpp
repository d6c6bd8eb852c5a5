#include "compress/select/layers.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

namespace mvsgd::compress {

void check_layers(const char* who, std::span<const Layer> layers, std::size_t d) {
  std::size_t sum = 0;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const auto& [size, k] = layers[l];
    if (size == 0 || k > size || size > std::numeric_limits<Index>::max()) {
      throw std::invalid_argument(std::string(who) + ": k = " + std::to_string(k) + " of " +
                                  std::to_string(size) + " in layer " + std::to_string(l));
    }
    sum += size;
  }
  if (sum == d && d <= std::numeric_limits<Index>::max()) return;
  throw std::invalid_argument(std::string(who) + ": layers of " + std::to_string(sum) +
                              " coordinates, d = " + std::to_string(d));
}

std::vector<std::span<const Index>> by_layer(std::span<const Index> set,
                                             std::span<const Layer> layers) {
  std::vector<std::span<const Index>> parts;
  parts.reserve(layers.size());
  std::uint64_t end = 0;
  auto from = set.begin();
  for (const Layer& layer : layers) {
    end += layer.size;
    const auto to = std::lower_bound(from, set.end(), end,
                                     [](Index i, std::uint64_t bound) { return i < bound; });
    parts.emplace_back(from, to);
    from = to;
  }
  return parts;
}

}  // namespace mvsgd::compress
