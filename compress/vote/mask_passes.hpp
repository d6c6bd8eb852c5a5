// The passes of a majority vote over its counts, for each instruction set. Private to
// vote_tally.cpp, vote_sum.cpp, majority_vote.cpp and ties.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compress/select/isa.hpp"
#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// Meaningless numbers that a pass may write after those that it appends.
inline constexpr std::size_t kListOverrun = 16;

/// Whether each tied coordinate enters the mask, as draw_ties() returns it: a bit for each, in
/// increasing order, and another word.
struct TieBits {
  const std::uint64_t* bits;
  std::size_t used = 0;
};

/// Selection sampling. `left` coordinates remain and `wanted` of them are still to be taken: the
/// next one is taken if a number drawn from 0..left-1 is below `wanted`.
struct Sampling {
  std::uint32_t wanted;
  std::uint32_t left;
};

/// The number of draws made at a time.
inline constexpr std::uint32_t kDraws = 64;

/// Every Path gives the same results. AVX-512 has its own source for the work on 64 coordinates:
/// its comparisons give bits, it compresses vectors by such bits, and every processor with it has
/// BMI2's instruction that deposits bits.
template <Isa Path>
struct MaskPasses {
  /// Appends the places of the ones of words[0..n), increasing; the first word's are `first` + j.
  static Index* list(const std::uint64_t* words, std::size_t n, Index first, Index* out);

  /// Appends the members of the mask among coordinates[0..n): those with counts above `last`, and
  /// those with exactly `last` > 0 votes that enter.
  static Index* mask_of_list(const Index* coordinates, const std::uint32_t* counts, std::size_t n,
                             std::uint32_t last, TieBits ties, Index* out);

  /// The same for counts in bits, [n][planes]: bit i % 64 of each word is a bit of coordinate i's
  /// count.
  static Index* mask_of_planes(const std::uint64_t* bits, std::size_t n, unsigned planes,
                               std::uint32_t last, TieBits ties, Index* out);

  /// Draws kDraws times, a half each, if that many are left, no half is near a refusal, and no
  /// number is near `wanted`. Returns whether it did. Bit n of `enters` then says whether the n-th
  /// enters.
  static bool draw(const std::uint32_t* halves, Sampling& sampling, std::uint64_t& enters);
};

/// Calls call(MaskPasses<Path>{}) with `isa` as Path.
template <typename Call>
auto with_mask_passes([[maybe_unused]] Isa isa, Call call) {
#if defined(__x86_64__)
  if (isa == Isa::avx2) return call(MaskPasses<Isa::avx2>{});
  if (isa == Isa::avx512) return call(MaskPasses<Isa::avx512>{});
#endif
  return call(MaskPasses<Isa::portable>{});
}

}  // namespace mvsgd::compress
