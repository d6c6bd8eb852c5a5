// AVX-512 has what a state needs for eight lanes: a table is looked up in all of them, and a mask
// says which lanes take or give a word. Such words are spread over the lanes, or put together.
#include <immintrin.h>

#include "compress/coder/rans_stream.hpp"
#include "compress/values/rans_eight_lanes.hpp"

namespace mvsgd::compress {
namespace {

constexpr __mmask8 kAll = 0xff;

__m256i all_of(std::uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }

__m256i bytes_at(const std::uint8_t* from) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}

__m256i words_at(const std::uint16_t* from) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

__m256i looked_up(const std::uint32_t* table, __m256i at) {
  return _mm256_i32gather_epi32(reinterpret_cast<const int*>(table), at, sizeof *table);
}

__m256i load(const EightStates& states) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(states.data()));
}

void store(__m256i x, EightStates& states) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(states.data()), x);
}

// 1 / f, rounded up.
__m512d reciprocal(__m256i f) {
  return _mm512_maskz_div_round_pd(kAll, _mm512_set1_pd(1), _mm512_maskz_cvtepu32_pd(kAll, f),
                                   _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}

// floor(x / f) for 0 < f <= 2^12. The product is x / f or more. It is too large by less than
// 2^-19, since x / f is below 2^32 and roundings are by 2^-52 of it; and where f does not divide x,
// the next integer is at least 2^-12 away.
__m256i divided(__m256i x, __m512d reciprocal_of_f) {
  return _mm512_maskz_cvttpd_epu32(
      kAll, _mm512_mul_pd(_mm512_maskz_cvtepu32_pd(kAll, x), reciprocal_of_f));
}

template <typename RowsAt>
std::size_t read(const PackedRows& slots, const RowsAt& rows_at, EightStates& states,
                 std::span<const std::uint16_t>& words, std::span<std::uint8_t> symbols) {
  const auto bits = static_cast<int>(slots.bits);
  const __m256i low = all_of((1U << slots.bits) - 1);
  const __m256i one = all_of(1);
  const __m256i offsets = all_of((1U << kSlotOffsetBits) - 1);
  const __m256i least = all_of(kLeastRansState);
  const std::uint32_t* const table = slots.table.data();
  const std::uint16_t* next = words.data();
  const std::uint16_t* const end = next + words.size();
  __m256i x = load(states);
  std::size_t i = 0;
  for (; i + kEightLanes <= symbols.size() && end - next >= std::ptrdiff_t{kEightLanes};
       i += kEightLanes) {
    const __m256i slot = looked_up(table, _mm256_or_si256(rows_at(i), _mm256_and_si256(x, low)));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(&symbols[i]),
                     _mm256_maskz_cvtepi32_epi8(kAll, slot));
    const __m256i f =
        _mm256_add_epi32(_mm256_srli_epi32(slot, kSlotSymbolBits + kSlotOffsetBits), one);
    const __m256i offset = _mm256_and_si256(_mm256_srli_epi32(slot, kSlotSymbolBits), offsets);
    x = _mm256_add_epi32(_mm256_mullo_epi32(f, _mm256_srli_epi32(x, bits)), offset);
    const __mmask8 takes = _mm256_cmplt_epu32_mask(x, least);
    const __m256i taken = _mm256_maskz_expand_epi32(takes, words_at(next));
    x = _mm256_mask_or_epi32(x, takes, _mm256_slli_epi32(x, kRansWordBits), taken);
    next += __builtin_popcount(takes);
  }
  words = {next, end};
  store(x, states);
  return i;
}

}  // namespace

std::size_t read_eights(const PackedRows& slots, std::span<const std::uint8_t> rows,
                        EightStates& states, std::span<const std::uint16_t>& words,
                        std::span<std::uint8_t> symbols) {
  if (rows.empty()) {
    const auto first = [](std::size_t) { return _mm256_setzero_si256(); };
    return read(slots, first, states, words, symbols);
  }
  const auto given = [rows, bits = static_cast<int>(slots.bits)](std::size_t i) {
    return _mm256_slli_epi32(bytes_at(&rows[i]), bits);
  };
  return read(slots, given, states, words, symbols);
}

bool write_eights(const PackedRows& steps, std::span<const std::uint8_t> symbols,
                  EightStates& states, std::uint16_t*& next) {
  const auto above = static_cast<int>(32 - steps.bits);
  const __m256i all_slots = all_of(1U << steps.bits);
  const __m256i one = all_of(1);
  const __m256i frequencies = all_of((1U << kStepFrequencyBits) - 1);
  const std::uint32_t* const table = steps.table.data();
  __mmask8 without_slots = 0;
  __m256i x = load(states);
  for (std::size_t i = symbols.size(); i != 0;) {
    i -= kEightLanes;
    const __m256i step = looked_up(table, bytes_at(&symbols[i]));
    without_slots |= _mm256_cmpeq_epi32_mask(step, all_of(kNoStep));
    const __m256i f = _mm256_add_epi32(_mm256_and_si256(step, frequencies), one);
    const __m256i begin = _mm256_srli_epi32(step, kStepFrequencyBits);
    const __mmask8 gives = _mm256_cmpge_epu32_mask(_mm256_srli_epi32(x, above), f);
    const int given = __builtin_popcount(gives);
    const auto last = static_cast<__mmask8>(0xff00 >> given);  // so that they end below `next`
    const __m256i words = _mm256_maskz_expand_epi32(last, _mm256_maskz_compress_epi32(gives, x));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(next - kEightLanes),
                     _mm256_maskz_cvtepi32_epi16(kAll, words));
    next -= given;
    x = _mm256_mask_srli_epi32(x, gives, x, kRansWordBits);
    const __m256i rest =
        _mm256_mullo_epi32(divided(x, reciprocal(f)), _mm256_sub_epi32(all_slots, f));
    x = _mm256_add_epi32(_mm256_add_epi32(x, rest), begin);
  }
  store(x, states);
  return without_slots == 0;
}

}  // namespace mvsgd::compress
