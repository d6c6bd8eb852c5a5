// The passes of mask_passes.hpp: one source for all instruction sets. Private.
//
// As in top_k_kernel.hpp, everything is a member of a template over Isa, and no function of the
// standard library is called: the linker would keep one version of it for all.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compress/vote/mask_passes.hpp"

namespace mvsgd::compress {

/// Bit j of each word: whether counts[j] is above the threshold, or equal to it.
struct Compared {
  std::uint64_t above = 0;
  std::uint64_t tied = 0;
};

/// The work of passes on 64 coordinates. An instruction set that does it differently has a
/// specialisation.
template <Isa Path>
struct MaskWord {
  static Compared compare(const std::uint32_t* counts, std::uint32_t last) {
    Compared compared;
    for (unsigned first = 0; first < 64; first += 8) {  // once unrolled, shifts are by constants
      std::uint64_t above = 0;
      std::uint64_t tied = 0;
      for (unsigned j = 0; j < 8; ++j) {
        above |= std::uint64_t{counts[first + j] > last} << j;
        tied |= std::uint64_t{counts[first + j] == last} << j;
      }
      compared.above |= above << first;
      compared.tied |= tied << first;
    }
    return compared;
  }

  // Moves bit n of `bits` to the n-th of the `count` ones of `places`. It goes through the ones if
  // they are few, else through the zeros.
  static std::uint64_t deposit(std::uint64_t bits, std::uint64_t places, unsigned count) {
    if (count < 64) bits &= (std::uint64_t{1} << count) - 1;
    return count <= 32 ? to_ones(bits, places) : past_zeros(bits, places);
  }
  static std::uint64_t to_ones(std::uint64_t bits, std::uint64_t places) {
    std::uint64_t moved = 0;
    for (; bits != 0; bits >>= 1, places &= places - 1) {
      moved |= places & (0 - places) & (0 - (bits & 1));
    }
    return moved;
  }
  static std::uint64_t past_zeros(std::uint64_t bits, std::uint64_t places) {
    for (std::uint64_t zeros = ~places; zeros != 0; zeros &= zeros - 1) {
      const std::uint64_t below = (zeros & (0 - zeros)) - 1;
      bits += bits & ~below;
    }
    return bits;
  }

  // Appends the places of the ones of `word`, Most at a time. Mostly there are no more, and no
  // branch predictor can learn how many there are.
  template <int Most>
  static Index* append_places(std::uint64_t word, Index first, Index* out) {
    constexpr std::uint64_t kNeverZero = std::uint64_t{1} << 63;
    while (word != 0) {
      for (int unrolled = 0; unrolled < Most; ++unrolled) {
        *out = first + static_cast<Index>(__builtin_ctzll(word | kNeverZero));
        out += word != 0 ? 1 : 0;
        word &= word - 1;
      }
    }
    return out;
  }

  // Appends the members of from[0..64) that `word` marks.
  static Index* append(std::uint64_t word, const Index* from, Index* out) {
    for (; word != 0; word &= word - 1) *out++ = from[__builtin_ctzll(word)];
    return out;
  }

  // Multiplies each half by the number of coordinates left when it is drawn; number[h] is the
  // product's upper half. Returns whether no product is near a refusal.
  static bool draw_numbers(const std::uint32_t* halves, std::uint32_t left, std::uint32_t* number) {
    std::uint32_t refused = 0;
    for (std::uint32_t h = 0; h < kDraws; ++h) {
      const std::uint64_t product = std::uint64_t{halves[h]} * (left - h);
      number[h] = static_cast<std::uint32_t>(product >> 32);
      refused |= static_cast<std::uint32_t>(product) < left ? 1U : 0U;
    }
    return refused == 0;
  }

  // Bit h: whether number[h] < bound.
  static std::uint64_t below(const std::uint32_t* number, std::uint32_t bound) {
    std::uint64_t bits = 0;
    for (unsigned h = 0; h < kDraws; ++h) bits |= std::uint64_t{number[h] < bound} << h;
    return bits;
  }

  // Whether a number is one of the kDraws numbers from `least` on.
  static bool any_from(const std::uint32_t* number, std::uint32_t least) {
    std::uint32_t any = 0;
    for (unsigned h = 0; h < kDraws; ++h) any |= number[h] - least < kDraws ? 1U : 0U;
    return any != 0;
  }
};

/// The members of the next tied coordinates that enter.
template <Isa Path>
std::uint64_t take(TieBits& ties, std::uint64_t tied) {
  const std::uint64_t* const word = ties.bits + ties.used / 64;
  const std::size_t shift = ties.used % 64;
  const auto count = static_cast<unsigned>(__builtin_popcountll(tied));
  ties.used += count;
  return MaskWord<Path>::deposit(word[0] >> shift | word[1] << 1 << (63 - shift), tied, count);
}

template <Isa Path>
Index* MaskPasses<Path>::list(const std::uint64_t* words, std::size_t n, Index first, Index* out) {
  for (std::size_t w = 0; w < n; ++w) {
    out = MaskWord<Path>::template append_places<8>(words[w], first + static_cast<Index>(64 * w),
                                                    out);
  }
  return out;
}

template <Isa Path>
Index* MaskPasses<Path>::mask_of_list(const Index* coordinates, const std::uint32_t* counts,
                                      std::size_t n, std::uint32_t last, TieBits ties, Index* out) {
  const auto append = [&](const Index* from, const std::uint32_t* of) {
    const Compared compared = MaskWord<Path>::compare(of, last);
    out = MaskWord<Path>::append(compared.above | take<Path>(ties, compared.tied), from, out);
  };
  std::size_t begin = 0;
  for (; begin + 64 <= n; begin += 64) append(coordinates + begin, counts + begin);
  Index rest[64] = {};
  std::uint32_t counts_of_rest[64] = {};  // 0 is less than `last`
  for (std::size_t j = 0; begin + j < n; ++j) {
    rest[j] = coordinates[begin + j];
    counts_of_rest[j] = counts[begin + j];
  }
  append(rest, counts_of_rest);
  return out;
}

template <Isa Path>
Index* MaskPasses<Path>::mask_of_planes(const std::uint64_t* bits, std::size_t n, unsigned planes,
                                        std::uint32_t last, TieBits ties, Index* out) {
  for (std::size_t w = 0; w < n; ++w, bits += planes) {
    // From the highest bit down. `last` is not 0, so places beyond d are in neither word.
    std::uint64_t above = 0;
    std::uint64_t tied = ~std::uint64_t{0};
    for (unsigned p = planes; p-- > 0;) {
      const std::uint64_t wants = 0 - std::uint64_t{last >> p & 1};
      above |= tied & bits[p] & ~wants;
      tied &= ~(bits[p] ^ wants);
    }
    const std::uint64_t in = above | take<Path>(ties, tied);
    out = MaskWord<Path>::template append_places<1>(in, static_cast<Index>(64 * w), out);
  }
  return out;
}

template <Isa Path>
bool MaskPasses<Path>::draw(const std::uint32_t* halves, Sampling& sampling,
                            std::uint64_t& enters) {
  auto& [wanted, left] = sampling;
  std::uint32_t number[kDraws];
  if (left < kDraws || !MaskWord<Path>::draw_numbers(halves, left, number)) return false;

  // `wanted` falls by at most kDraws meanwhile. Mostly no number is near enough to it to matter.
  std::uint64_t may_enter = MaskWord<Path>::below(number, wanted);
  if (!MaskWord<Path>::any_from(number, wanted > kDraws ? wanted - kDraws : 0)) {
    enters = may_enter;
    wanted -= static_cast<std::uint32_t>(__builtin_popcountll(enters));
  } else {
    enters = 0;
    for (; may_enter != 0; may_enter &= may_enter - 1) {
      if (number[__builtin_ctzll(may_enter)] >= wanted) continue;
      enters |= may_enter & (0 - may_enter);
      --wanted;
    }
  }
  left -= kDraws;
  return true;
}

}  // namespace mvsgd::compress
