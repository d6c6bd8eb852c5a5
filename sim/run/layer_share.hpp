// Where in the network a mask lies: its coordinates by layer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compress/select/top_k.hpp"
#include "nn/layout.hpp"

namespace mvsgd::sim {

/// One layer's part of a mask. Parameters whose names differ only in the last part are one layer:
/// "linear" has "linear.weight" and "linear.bias".
struct LayerShare {
  std::string layer;
  std::int64_t coordinates = 0;  ///< parameters of the layer
  std::uint64_t kept = 0;        ///< of these, coordinates in the mask
};

/// Every layer in the order of `layout`, also those without a coordinate in the mask.
///
///   mask   strictly increasing, each in [0, d)
///
/// Cost: a binary search in the mask for each parameter tensor.
[[nodiscard]] std::vector<LayerShare> kept_by_layer(const nn::Layout& layout,
                                                    std::span<const compress::Index> mask);

}  // namespace mvsgd::sim
