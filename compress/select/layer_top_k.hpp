// The top-K operator in each layer by itself.
#pragma once

#include <span>
#include <vector>

#include "compress/select/layers.hpp"
#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

struct LayersTopK {
  std::vector<Index> support;     ///< of all layers, strictly increasing
  std::vector<float> magnitudes;  ///< [layers], the k-th of each: the next round's hints
};

/// The supports of top_k_support() in each layer, of the k of that layer.
///
///   x      [d], finite; the layers have d coordinates together
///   hints  [layers], as TopKOptions::hint; or empty. They affect only the time
///
/// Throws std::invalid_argument as check_layers() and top_k_support() do, naming the first
/// coordinate of x that is not finite.
///
/// Cost: that of top_k_support() of d coordinates, and a few microseconds for each layer. All in
/// the calling thread.
[[nodiscard]] LayersTopK layers_top_k(std::span<const float> x, std::span<const Layer> layers,
                                      std::span<const float> hints = {});

/// The same of e <- (theta_h - theta_0) + e, as add_difference_top_k() does it: in one pass over
/// memory, and with the same state of e if it throws.
[[nodiscard]] LayersTopK add_difference_layers_top_k(std::span<const float> theta_h,
                                                     std::span<const float> theta_0,
                                                     std::span<float> e,
                                                     std::span<const Layer> layers,
                                                     std::span<const float> hints = {});

/// The definition of the supports: top_k_support_by_sorting() of a copy of each layer. For tests.
[[nodiscard]] std::vector<Index> layers_top_k_by_sorting(std::span<const float> x,
                                                         std::span<const Layer> layers);

}  // namespace mvsgd::compress
