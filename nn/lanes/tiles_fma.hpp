// Tile products by ordinary fused multiply-adds, for processors without a tile unit: with FTZ and
// DAZ on they have its bits, but for which NaN comes out of several.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "nn/lanes/tiles.hpp"

namespace mvsgd::nn::lanes {

/// Why this processor cannot compute so; "" if it can, which takes AVX2 and FMA.
[[nodiscard]] std::string fma_tiles_objection();

/// As long as it lives, this thread's sums are rounded to nearest even, subnormals are zeros,
/// before and after an operation, and nothing traps.
class FlushedSubnormals {
 public:
  FlushedSubnormals();
  ~FlushedSubnormals();
  FlushedSubnormals(const FlushedSubnormals&) = delete;
  FlushedSubnormals& operator=(const FlushedSubnormals&) = delete;

 private:
  unsigned before_;
};

/// As tile_product(), under FlushedSubnormals. By AVX-512 where there is some.
void tile_product_fma(std::uint32_t* c, const std::byte* a, std::int64_t a_row_bytes,
                      const std::byte* b, TileShape shape);

}  // namespace mvsgd::nn::lanes
