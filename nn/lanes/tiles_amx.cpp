#include "nn/lanes/tiles_amx.hpp"

#include <stdexcept>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#endif

namespace mvsgd::nn::lanes {

#if defined(__x86_64__) && defined(__linux__)

std::string amx_objection() {
  constexpr unsigned kBf16 = 1U << 22U;
  constexpr unsigned kTiles = 1U << 24U;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kBf16) == 0 || (d & kTiles) == 0) {
    return "this processor has no amx_bf16";
  }
  // ARCH_REQ_XCOMP_PERM for the component XTILEDATA.
  constexpr long kRequest = 0x1023;
  constexpr long kTileData = 18;
  if (syscall(SYS_arch_prctl, kRequest, kTileData) == 0) return "";
  const int error = errno;
  std::string why = std::string("Linux refuses the use of AMX tiles: ") + std::strerror(error);
  if (error == ENOSPC) why += " (an alternate signal stack is too small for them)";
  return why;
}

#else

std::string amx_objection() { return "it is written for x86-64 Linux"; }

#endif

TileConfiguration tile_configuration(TileShape shape) {
  if (shape.rows < 1 || shape.rows > kTileSide || shape.pairs < 1 || shape.pairs > kTileSide) {
    throw std::invalid_argument("tile_configuration: " + std::to_string(shape.rows) + " rows, " +
                                std::to_string(shape.pairs) + " pairs");
  }
  TileConfiguration configuration;
  for (int tile = 0; tile < 8; ++tile) {
    const bool left = tile >= kFirstLeft && tile < kFirstRight;
    const bool right = tile >= kFirstRight;
    configuration.rows[tile] = static_cast<std::uint8_t>(right ? shape.pairs : shape.rows);
    configuration.row_bytes[tile] = static_cast<std::uint16_t>(left ? 4 * shape.pairs : kRowBytes);
  }
  return configuration;
}

}  // namespace mvsgd::nn::lanes
