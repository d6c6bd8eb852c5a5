// Units that compute with tiles. They have one interface, so that loops over tiles are written
// once:
//
//     Unit unit(shape);                  // configured
//     unit.template zero<0>();           // results: tiles 0 to 3
//     unit.template load<4>(a, 64);      // left factors: 4, 5; right factors: 6, 7
//     unit.template load<6>(b, 64);
//     unit.template product<0, 4, 6>();
//     unit.template store<0>(c);         // and released at the end of its life
//
// The memory from which a factor was loaded must not change until the last product with it. A unit
// belongs to the thread that made it, and a thread has one at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "nn/lanes/tiles.hpp"
#include "nn/lanes/tiles_amx.hpp"
#include "nn/lanes/tiles_fma.hpp"

namespace mvsgd::nn::lanes {

/// The tile unit, through its Instructions: AmxInstructions, or a test's substitute for them.
template <typename Instructions>
class AmxUnit {
 public:
  explicit AmxUnit(TileShape shape) {
    const TileConfiguration configuration = tile_configuration(shape);
    Instructions::configure(configuration);
  }
  ~AmxUnit() { Instructions::release(); }
  AmxUnit(const AmxUnit&) = delete;
  AmxUnit& operator=(const AmxUnit&) = delete;

  template <int Tile>
  void zero() {
    Instructions::template zero<Tile>();
  }
  template <int Tile>
  void load(const void* from, std::int64_t row_bytes) {
    Instructions::template load<Tile>(from, row_bytes);
  }
  template <int Tile>
  void store(void* to) {
    Instructions::template store<Tile>(to, kRowBytes);
  }
  template <int C, int A, int B>
  void product() {
    Instructions::template product<C, A, B>();
  }
};

/// Computes products by Product::compute(c, a, a_row_bytes, b, shape), under a Product::Mode.
template <typename Product>
class SoftwareUnit {
 public:
  explicit SoftwareUnit(TileShape shape) : shape_(shape) {}

  template <int Tile>
  void zero() {
    results_[Tile].fill(0);
  }
  template <int Tile>
  void load(const void* from, std::int64_t row_bytes) {
    if constexpr (Tile < kFirstLeft) {
      std::memcpy(results_[Tile].data(), from, static_cast<std::size_t>(shape_.rows * kRowBytes));
    } else {
      factors_[Tile - kFirstLeft] = {static_cast<const std::byte*>(from), row_bytes};
    }
  }
  template <int Tile>
  void store(void* to) {
    std::memcpy(to, results_[Tile].data(), static_cast<std::size_t>(shape_.rows * kRowBytes));
  }
  template <int C, int A, int B>
  void product() {
    const Factor& left = factors_[A - kFirstLeft];
    Product::compute(results_[C].data(), left.at, left.row_bytes, factors_[B - kFirstLeft].at,
                     shape_);
  }

 private:
  struct Factor {
    const std::byte* at = nullptr;
    std::int64_t row_bytes = 0;
  };

  [[no_unique_address]] typename Product::Mode mode_;
  TileShape shape_;
  alignas(64) std::array<std::array<std::uint32_t, kTileSide * kTileSide>, kFirstLeft> results_{};
  std::array<Factor, 4> factors_{};
};

struct ModelProduct {
  struct Mode {};
  static void compute(std::uint32_t* c, const std::byte* a, std::int64_t a_row_bytes,
                      const std::byte* b, TileShape shape) {
    tile_product(c, a, a_row_bytes, b, shape);
  }
};
using ModelUnit = SoftwareUnit<ModelProduct>;

struct FmaProduct {
  using Mode = FlushedSubnormals;
  static void compute(std::uint32_t* c, const std::byte* a, std::int64_t a_row_bytes,
                      const std::byte* b, TileShape shape) {
    tile_product_fma(c, a, a_row_bytes, b, shape);
  }
};
using FmaUnit = SoftwareUnit<FmaProduct>;

}  // namespace mvsgd::nn::lanes
