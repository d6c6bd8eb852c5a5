// The pass over memory of top_k_selection.hpp: one source for all instruction sets. Private.
//
// Translation units that are compiled for different processors must share nothing here. So
// everything is a member of a template over Isa, and no function of the standard library is called:
// the linker would keep one version of it for all.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "compress/select/top_k_selection.hpp"

namespace mvsgd::compress {

/// 2^j, as constants: not every vector unit can shift by a variable.
struct PowersOfTwo {
  std::uint32_t of[32];
  constexpr PowersOfTwo() : of() {
    for (unsigned j = 0; j < 32; ++j) of[j] = std::uint32_t{1} << j;
  }
};
inline constexpr PowersOfTwo kPowersOfTwo;

template <Isa Path>
struct KernelBlock {
  static Magnitude magnitude(float x) { return __builtin_bit_cast(Magnitude, x) & 0x7fffffff; }

  // Bit j, j < 32: whether the magnitude of x[j] is above `floor`.
  static std::uint32_t above(const float* x, Magnitude floor) {
#if defined(__AVX512F__)
    // AVX-512's comparisons give the bits themselves, which compilers do not see in the loop below.
    if constexpr (Path == Isa::avx512) return above_16(x, floor) | above_16(x + 16, floor) << 16;
#endif
    std::uint32_t bits = 0;
    for (unsigned j = 0; j < 32; ++j) bits |= magnitude(x[j]) > floor ? kPowersOfTwo.of[j] : 0;
    return bits;
  }

#if defined(__AVX512F__)
  static std::uint32_t above_16(const float* x, Magnitude floor) {
    const __m512i magnitudes =
        _mm512_and_si512(_mm512_loadu_si512(x), _mm512_set1_epi32(0x7fffffff));
    return _mm512_cmpgt_epi32_mask(magnitudes, _mm512_set1_epi32(floor));
  }
#endif

  // Prefetches a block before it is read. Hardware prefetch stops at a page's end, and a pass that
  // also picks candidates does not reach far enough ahead by itself. If three vectors are read at
  // once, this gains nothing.
  static void fetch(const Plain& source, std::size_t begin) {
    for (std::size_t j = 0; j < kBlock; j += 16) __builtin_prefetch(source.x + begin + j);
  }
  static void fetch(const Difference& /*source*/, std::size_t /*begin*/) {}

  // The values from `begin` on, in place or in `copy`, filled up with zeros.
  static const float* load(const Plain& source, std::size_t begin, std::size_t size, float* copy) {
    if (size == kBlock) return source.x + begin;
    for (std::size_t j = 0; j < kBlock; ++j) copy[j] = j < size ? source.x[begin + j] : 0.0F;
    return copy;
  }

  static const float* load(const Difference& source, std::size_t begin, std::size_t size,
                           float* copy) {
    const float* theta_h = source.theta_h + begin;
    const float* theta_0 = source.theta_0 + begin;
    float* e = source.e + begin;
    if (size == kBlock) {
      for (std::size_t j = 0; j < kBlock; ++j) copy[j] = (theta_h[j] - theta_0[j]) + e[j];
      for (std::size_t j = 0; j < kBlock; ++j) e[j] = copy[j];
    } else {
      for (std::size_t j = 0; j < kBlock; ++j) {
        copy[j] = j < size ? (theta_h[j] - theta_0[j]) + e[j] : 0.0F;
      }
      for (std::size_t j = 0; j < size; ++j) e[j] = copy[j];
    }
    return copy;
  }
};

template <Isa Path, typename Source>
std::size_t Kernel<Path, Source>::collect(const Source& source, std::size_t begin, std::size_t end,
                                          Magnitude floor, Candidates& to) {
  constexpr std::uint64_t kLast = std::uint64_t{1} << (kBlock - 1);
  constexpr std::size_t kAhead = 1024;  // a page of 4 KiB
  using B = KernelBlock<Path>;
  std::size_t count = to.count;
  while (begin < end && to.capacity - count >= kBlock) {
    const std::size_t size = end - begin < kBlock ? end - begin : kBlock;
    if (end - begin >= kAhead + kBlock) B::fetch(source, begin + kAhead);
    float copy[kBlock];
    const float* x = B::load(source, begin, size, copy);
    std::uint64_t mask = B::above(x, floor) | std::uint64_t{B::above(x + 32, floor)} << 32;
    if (size < kBlock) mask &= (std::uint64_t{1} << size) - 1;

    // No branch predictor can learn the number of candidates in a block. At K = d / 100 nearly all
    // blocks have four or fewer.
    for (int step = 0; step < 4 || mask != 0; ++step) {
      const auto j = static_cast<unsigned>(__builtin_ctzll(mask | kLast));
      to.index[count] = static_cast<Index>(begin + j);
      to.magnitude[count] = B::magnitude(x[j]);
      count += mask != 0 ? 1 : 0;
      mask &= mask - 1;
    }
    begin += size;
  }
  to.count = count;
  return begin;
}

}  // namespace mvsgd::compress
