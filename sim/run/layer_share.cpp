#include "sim/run/layer_share.hpp"

#include <algorithm>

namespace mvsgd::sim {

std::vector<LayerShare> kept_by_layer(const nn::Layout& layout,
                                      std::span<const compress::Index> mask) {
  std::vector<LayerShare> shares;
  auto begin = mask.begin();
  for (const nn::LayoutEntry& entry : layout.entries()) {
    const std::string layer = entry.name.substr(0, entry.name.rfind('.'));
    if (shares.empty() || shares.back().layer != layer) shares.push_back({.layer = layer});
    const std::int64_t size = nn::elements(entry.shape);
    const auto end = std::lower_bound(begin, mask.end(), entry.offset + size);
    shares.back().coordinates += size;
    shares.back().kept += static_cast<std::uint64_t>(end - begin);
    begin = end;
  }
  return shares;
}

}  // namespace mvsgd::sim
