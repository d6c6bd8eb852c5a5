#include "sim/plan/layers.hpp"

#include <stdexcept>
#include <utility>

#include "nn/resnet18.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

Layers::Layers(std::uint64_t d) : sizes_{d}, d_(d) {}

Layers::Layers(std::vector<std::uint64_t> sizes) : sizes_(std::move(sizes)) {
  for (const std::uint64_t size : sizes_) {
    if (size == 0) throw std::invalid_argument("Layers: a tensor without parameters");
    d_ += size;
  }
  if (d_ == 0) throw std::invalid_argument("Layers: no tensor");
}

Layers network_layers(const Settings& settings) {
  const nn::Layout layout = nn::resnet18_parameters({.width = settings.width});
  std::vector<std::uint64_t> sizes;
  for (const nn::LayoutEntry& entry : layout.entries()) {
    sizes.push_back(static_cast<std::uint64_t>(nn::elements(entry.shape)));
  }
  return Layers(std::move(sizes));
}

}  // namespace mvsgd::sim
