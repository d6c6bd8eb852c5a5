// The passes of a majority vote for AVX-512 and BMI2.
#include <immintrin.h>

#include "compress/vote/mask_kernel.hpp"

namespace mvsgd::compress {

template <>
struct MaskWord<Isa::avx512> {
  static Compared compare(const std::uint32_t* counts, std::uint32_t last) {
    const __m512i threshold = _mm512_set1_epi32(static_cast<int>(last));
    Compared compared;
    for (unsigned j = 0; j < 64; j += 16) {
      const __m512i count = _mm512_loadu_si512(counts + j);
      compared.above |= std::uint64_t{_mm512_cmpgt_epu32_mask(count, threshold)} << j;
      compared.tied |= std::uint64_t{_mm512_cmpeq_epi32_mask(count, threshold)} << j;
    }
    return compared;
  }

  static std::uint64_t deposit(std::uint64_t bits, std::uint64_t places, unsigned /*count*/) {
    return _pdep_u64(bits, places);
  }

  template <int Most>
  static Index* append_places(std::uint64_t word, Index first, Index* out) {
    __m512i places = _mm512_add_epi32(lanes(), _mm512_set1_epi32(static_cast<int>(first)));
    for (unsigned j = 0; j < 64; j += 16) {
      out = append_16(word >> j, places, out);
      places = _mm512_add_epi32(places, _mm512_set1_epi32(16));
    }
    return out;
  }

  static Index* append(std::uint64_t word, const Index* from, Index* out) {
    for (unsigned j = 0; j < 64; j += 16) {
      out = append_16(word >> j, _mm512_loadu_si512(from + j), out);
    }
    return out;
  }

  static bool draw_numbers(const std::uint32_t* halves, std::uint32_t left, std::uint32_t* number) {
    const __m512i most = _mm512_set1_epi32(static_cast<int>(left));
    __mmask16 refused = 0;
    for (unsigned h = 0; h < kDraws; h += 16) {
      const __m512i half = _mm512_loadu_si512(halves + h);
      const __m512i are_left =
          _mm512_sub_epi32(_mm512_set1_epi32(static_cast<int>(left - h)), lanes());
      // The products of even lanes and of odd lanes.
      const __m512i even = multiply(half, are_left);
      const __m512i odd = multiply(high_halves(half), high_halves(are_left));
      const __m512i low =
          _mm512_mask_blend_epi32(kOdd, even, _mm512_maskz_slli_epi64(kAll, odd, 32));
      const __m512i high = _mm512_mask_blend_epi32(kOdd, high_halves(even), odd);
      refused |= _mm512_cmplt_epu32_mask(low, most);
      _mm512_storeu_si512(number + h, high);
    }
    return refused == 0;
  }

  static std::uint64_t below(const std::uint32_t* number, std::uint32_t bound) {
    const __m512i bounds = _mm512_set1_epi32(static_cast<int>(bound));
    std::uint64_t bits = 0;
    for (unsigned h = 0; h < kDraws; h += 16) {
      const __m512i numbers = _mm512_loadu_si512(number + h);
      bits |= std::uint64_t{_mm512_cmplt_epu32_mask(numbers, bounds)} << h;
    }
    return bits;
  }

  static bool any_from(const std::uint32_t* number, std::uint32_t least) {
    const __m512i from = _mm512_set1_epi32(static_cast<int>(least));
    __mmask16 any = 0;
    for (unsigned h = 0; h < kDraws; h += 16) {
      const __m512i above = _mm512_sub_epi32(_mm512_loadu_si512(number + h), from);
      any |= _mm512_cmplt_epu32_mask(above, _mm512_set1_epi32(kDraws));
    }
    return any != 0;
  }

 private:
  static constexpr __mmask16 kOdd = 0xaaaa;
  // GCC 12 warns about the forms without a mask, since its header leaves their second source
  // undefined.
  static constexpr __mmask8 kAll = 0xff;

  static __m512i lanes() {
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  }
  // Multiplies the lower halves of 64-bit lanes.
  static __m512i multiply(__m512i a, __m512i b) { return _mm512_maskz_mul_epu32(kAll, a, b); }
  static __m512i high_halves(__m512i x) { return _mm512_maskz_srli_epi64(kAll, x, 32); }

  // Appends those of 16 that the lowest bits of `word` mark.
  static Index* append_16(std::uint64_t word, __m512i of, Index* out) {
    const auto mask = static_cast<__mmask16>(word);
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(mask, of));
    return out + __builtin_popcount(mask);
  }
};

template struct MaskPasses<Isa::avx512>;

}  // namespace mvsgd::compress
