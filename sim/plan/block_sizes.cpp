#include "sim/plan/block_sizes.hpp"

#include <algorithm>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

BlockSizes block_sizes(const Settings& settings, std::uint64_t d) {
  const auto of_k = [&](std::uint32_t supports) {
    return settings.block_size > 0 ? settings.block_size
                                   : settings.phi.rounded_reciprocal(supports);
  };
  BlockSizes sizes{.votes = of_k(1),
                   .masks = of_k(settings.scheme == Scheme::top_k ? settings.workers : 1),
                   .adds = settings.phi_ad.rounded_reciprocal()};
  sizes.drops = sizes.adds;
  if (settings.drop_codec == DropCoding::rank) {
    const std::uint64_t k = settings.phi.ceil_times(d);
    const std::uint64_t k_ad = std::min(k, settings.phi_ad.ceil_times(d));
    sizes.drops = (2 * k + k_ad) / (2 * k_ad);  // rounded
  }
  return sizes;
}

}  // namespace mvsgd::sim
