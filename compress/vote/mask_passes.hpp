// The passes of a majority vote over its counts, for each instruction set. Private: those of
// vote_tally.cpp, vote_sum.cpp, majority_vote.cpp and ties.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compress/select/isa.hpp"
#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// Numbers that mean nothing, which a pass may write after those that it appends.
inline constexpr std::size_t kListOverrun = 16;

/// Whether each tied coordinate enters the mask, as draw_ties() has it: a bit each, in increasing
/// order, and a word more.
struct TieBits {
  const std::uint64_t* bits;
  std::size_t used = 0;
};

/// Selection sampling: with `wanted` still to take of `left`, the next is taken if a number drawn
/// from 0..left-1 is below `wanted`.
struct Sampling {
  std::uint32_t wanted;
  std::uint32_t left;
};

/// Numbers that are drawn at a time.
inline constexpr std::uint32_t kDraws = 64;

/// Every Path gives the same results. AVX-512 has its own source for the work on 64 coordinates:
/// its comparisons give bits, it compresses vectors by such bits, and every processor with it has
/// BMI2's deposit of bits in one instruction.
template <Isa Path>
struct MaskPasses {
  /// Appends the places of the ones of words[0..n), increasing; the first word's are `first` + j.
  static Index* list(const std::uint64_t* words, std::size_t n, Index first, Index* out);

  /// Appends what is in the mask of coordinates[0..n): those with counts above `last`, and of those
  /// with exactly `last` > 0 votes the ones that enter.
  static Index* mask_of_list(const Index* coordinates, const std::uint32_t* counts, std::size_t n,
                             std::uint32_t last, TieBits ties, Index* out);

  /// The same of counts in bits, [n][planes]: bit i % 64 of each is one of coordinate i's count.
  static Index* mask_of_planes(const std::uint64_t* bits, std::size_t n, unsigned planes,
                               std::uint32_t last, TieBits ties, Index* out);

  /// Draws kDraws times, a half each, if so many are left, no half is near a refusal and no number
  /// is near `wanted`. Returns whether it did; bit n of `enters` then says whether the n-th enters.
  static bool draw(const std::uint32_t* halves, Sampling& sampling, std::uint64_t& enters);
};

/// call(MaskPasses<Path>{}) with `isa` as Path.
template <typename Call>
auto with_mask_passes(Isa isa, Call call) {
#if defined(__x86_64__)
  if (isa == Isa::avx2) return call(MaskPasses<Isa::avx2>{});
  if (isa == Isa::avx512) return call(MaskPasses<Isa::avx512>{});
#endif
  return call(MaskPasses<Isa::portable>{});
}

}  // namespace mvsgd::compress
