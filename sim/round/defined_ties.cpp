#include "sim/round/defined_ties.hpp"

#include <Random123/philox.h>

namespace mvsgd::sim {
namespace {

/// The h-th 32-bit half of the random numbers of a part of round t's.
std::uint64_t half(std::uint64_t seed, std::uint32_t t, std::uint64_t part, std::uint64_t h) {
  constexpr std::uint64_t kPurpose = 0x766f7465'00000001;
  const auto words = r123::Philox4x64()({{t, part, 0, h / 8}}, {{seed, kPurpose}});
  const std::uint64_t word = words[h / 2 % 4];
  return h % 2 == 0 ? word % (std::uint64_t{1} << 32) : word >> 32;
}

}  // namespace

std::vector<bool> defined_ties(TieBreaking rule, std::uint64_t seed, std::uint32_t t,
                               std::size_t wanted, std::size_t tied, std::uint64_t part) {
  constexpr std::uint64_t kHalves = std::uint64_t{1} << 32;
  std::vector<bool> enters(tied);
  std::uint64_t h = 0;
  for (std::size_t j = 0; j < tied; ++j) {
    const std::uint64_t left = tied - j;
    std::uint64_t drawn = 0;
    if (rule == TieBreaking::random) {
      std::uint64_t product = half(seed, t, part, h++) * left;
      while (product % kHalves < kHalves % left) product = half(seed, t, part, h++) * left;
      drawn = product / kHalves;
    }
    enters[j] = drawn < wanted;
    wanted -= enters[j] ? 1 : 0;
  }
  return enters;
}

}  // namespace mvsgd::sim
