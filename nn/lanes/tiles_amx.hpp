// The tile unit of x86 (AMX): its instructions, its configuration, and the kernel's permission.
//
// The compiler's intrinsics are not used. In g++ 12 they take a tile's number as text, so no
// template can pass it on. They also do not say that they read memory, so stores that they need may
// be dropped.
#pragma once

#include <cstdint>
#include <string>

#include "nn/lanes/tiles.hpp"

namespace mvsgd::nn::lanes {

/// Why bfloat16 tiles cannot be computed here; "" if they can. Asks Linux for the permission that
/// the process needs, which lasts until the process ends. Asking again does no harm.
[[nodiscard]] std::string amx_objection();

/// What ldtilecfg reads.
struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfiguration) == 64);

/// The roles of the eight tiles: 0 to 3 results C, 4 and 5 left factors A, 6 and 7 right factors B.
inline constexpr int kFirstLeft = 4;
inline constexpr int kFirstRight = 6;

/// The configuration for products of this shape. Throws std::invalid_argument if rows or pairs are
/// not 1 to 16, for which the processor would raise a fault.
[[nodiscard]] TileConfiguration tile_configuration(TileShape shape);

#if defined(__x86_64__) && defined(__linux__)

/// One instruction each. "memory" says that memory is read or written; "%c" prints a number bare.
struct AmxInstructions {
  static void configure(const TileConfiguration& configuration) {
    asm volatile("ldtilecfg %0" : : "m"(configuration) : "memory");
  }
  static void release() { asm volatile("tilerelease" : : : "memory"); }

  template <int Tile>
  static void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(Tile));
  }
  template <int Tile>
  static void load(const void* from, std::int64_t row_bytes) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2"
                 :
                 : "r"(from), "r"(row_bytes), "i"(Tile)
                 : "memory");
  }
  template <int Tile>
  static void store(void* to, std::int64_t row_bytes) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)"
                 :
                 : "r"(to), "r"(row_bytes), "i"(Tile)
                 : "memory");
  }
  /// C += A B.
  template <int C, int A, int B>
  static void product() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
  }
};

#endif

}  // namespace mvsgd::nn::lanes
