// Tile products by ordinary fused multiply-adds, for processors without a tile unit. With FTZ and
// DAZ on they give the unit's bits, except for which NaN results where several meet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "nn/lanes/isa.hpp"
#include "nn/lanes/tiles.hpp"

namespace mvsgd::nn::lanes {

/// Why this processor cannot compute tiles in this way; "" if it can, which takes AVX2 and FMA.
[[nodiscard]] std::string fma_tiles_objection();

/// While it lives, this thread rounds to nearest even, treats subnormal arguments and results as
/// zeros, and traps nothing.
class FlushedSubnormals {
 public:
  FlushedSubnormals();
  ~FlushedSubnormals();
  FlushedSubnormals(const FlushedSubnormals&) = delete;
  FlushedSubnormals& operator=(const FlushedSubnormals&) = delete;

 private:
  unsigned before_;
};

/// As tile_product(), under FlushedSubnormals. By AVX-512 if the processor has it.
void tile_product_fma(std::uint32_t* c, const std::byte* a, std::int64_t a_row_bytes,
                      const std::byte* b, TileShape shape);

/// The same by one instruction set, of those below that this processor has: AVX2 with FMA, AVX-512.
using TileProduct = void (*)(std::uint32_t* c, const std::byte* a, std::int64_t a_row_bytes,
                             const std::byte* b, TileShape shape);
[[nodiscard]] std::vector<std::pair<Isa, TileProduct>> tile_products_fma();

}  // namespace mvsgd::nn::lanes
