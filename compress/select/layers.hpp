// The layers of a model, as the operators of this folder see them: segments of the flat array, from
// each of which coordinates are chosen by themselves.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "compress/select/index.hpp"

namespace mvsgd::compress {

/// A segment of `size` coordinates, of which `k` are to be chosen. Layers follow one another in the
/// flat array without gaps.
struct Layer {
  std::size_t size = 0;
  std::size_t k = 0;
};

/// Throws std::invalid_argument, whose text begins with `who`, unless the layers have d coordinates
/// together, d < 2^32, and each has at least 1 coordinate and at least its k.
void check_layers(const char* who, std::span<const Layer> layers, std::size_t d);

/// The members of an increasing `set` in each layer, as views of it, [layers]. Members beyond the
/// layers are in none. Cost: a binary search for each layer.
[[nodiscard]] std::vector<std::span<const Index>> by_layer(std::span<const Index> set,
                                                           std::span<const Layer> layers);

}  // namespace mvsgd::compress
