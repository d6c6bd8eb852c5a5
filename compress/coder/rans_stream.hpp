// States and words of a stream by range asymmetric numeral systems (rANS), as the codes of
// positions and of values both write and read them.
//
// A stream is a state of 32 bits for each lane, lane 0 first, then words of 16 bits. A row of
// frequencies f_0, f_1, ... sums to M = 2^bits, and symbol s has the slots c_s to c_s + f_s - 1 of
// it, c_s being the sum of the frequencies before it. Symbol i, from 0, is read in lane i mod
// lanes, of state x: it is that of slot x mod M, and x becomes f_s (x / M) + x mod M - c_s. Where
// that is below 2^16 the next word w is taken, and x becomes 2^16 x + w. A state that is sent is
// 2^16 or more, and each ends as 2^16.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comm/bit_stream.hpp"
#include "comm/bits.hpp"

namespace mvsgd::compress {

inline constexpr unsigned kRansWordBits = 16;
inline constexpr std::uint32_t kLeastRansState = std::uint32_t{1} << kRansWordBits;

/// do_one(0), do_one(1), ..., written out, so that states can stay in registers.
template <std::size_t Count, typename Do>
inline void for_each_lane(const Do& do_one) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { (do_one(I), ...); }
  (std::make_index_sequence<Count>());
}

/// How a symbol of frequency f enters a state. Without slots it has the reciprocal 0.
struct RansStep {
  std::uint64_t reciprocal;  ///< of f, to divide by
  std::uint32_t frequency;
  std::uint32_t begin;  ///< c_s
};

/// x / f = x * reciprocal >> (32 + bits) for all x < f 2^(32 - bits): the reciprocal is too large
/// by e / f with e < f <= M, x e < 2^(32 + bits), and the product fits 64 bits.
constexpr RansStep rans_step(std::uint32_t frequency, std::uint32_t begin, unsigned bits) {
  const std::uint64_t scale = std::uint64_t{1} << (32 + bits);
  return {.reciprocal = frequency == 0 ? 0 : (scale + frequency - 1) / frequency,
          .frequency = frequency,
          .begin = begin};
}

/// A coded stream.
struct RansStream {
  std::vector<std::uint32_t> states;
  std::unique_ptr<std::uint16_t[]> buffer;
  std::span<const std::uint16_t> words;  ///< of the buffer

  [[nodiscard]] comm::Bits size() const;
  void append_to(comm::BitWriter& out) const;
};

/// Goes backwards through `count` symbols from states of 2^16, which leaves an encoder no choice.
/// step_of(i) is the RansStep of symbol i.
///
/// many(states, next, i) may do so for symbols i - 1, ..., j at once, i and j being multiples of
/// Lanes. It returns j, moves `next` down over the words, and may write Lanes words below them.
template <std::size_t Lanes, typename StepOf, typename Many>
RansStream rans_stream(std::size_t count, unsigned bits, const StepOf& step_of, const Many& many) {
  // A word is stored before it is known to be one: a branch would be predicted wrong too often. No
  // symbol has two. Pages of the buffer that no word reaches are not touched.
  const std::size_t most = count + Lanes;
  auto buffer = std::make_unique_for_overwrite<std::uint16_t[]>(most);
  std::uint16_t* const end = buffer.get() + most;
  std::uint16_t* next = end;
  const auto push = [&](std::uint32_t& state, const RansStep& step) {
    std::uint64_t x = state;
    const bool full = x >> (32 - bits) >= step.frequency;
    next[-1] = static_cast<std::uint16_t>(x);
    next -= full;
    x ^= (x ^ x >> kRansWordBits) & (0 - std::uint64_t{full});
    const std::uint64_t quotient = x * step.reciprocal >> (32 + bits);
    state = static_cast<std::uint32_t>(
        x + quotient * ((std::uint64_t{1} << bits) - step.frequency) + step.begin);
  };
  std::array<std::uint32_t, Lanes> states;
  states.fill(kLeastRansState);
  std::size_t i = count;
  while (i % Lanes != 0) {
    --i;
    push(states[i % Lanes], step_of(i));
  }
  i = many(states, next, i);
  while (i != 0) {
    i -= Lanes;
    for_each_lane<Lanes>(
        [&](std::size_t lane) { push(states[Lanes - 1 - lane], step_of(i + Lanes - 1 - lane)); });
  }
  return {
      .states = {states.begin(), states.end()}, .buffer = std::move(buffer), .words = {next, end}};
}

/// The same, one symbol after the other.
template <std::size_t Lanes, typename StepOf>
RansStream rans_stream(std::size_t count, unsigned bits, const StepOf& step_of) {
  return rans_stream<Lanes>(
      count, bits, step_of,
      [](const std::array<std::uint32_t, Lanes>&, std::uint16_t*, std::size_t i) { return i; });
}

/// Throws comm::DecodeError: `who`, `what`, and the bit where `in` stands.
[[noreturn]] void refuse_rans(const char* who, const std::string& what, const comm::BitReader& in);

/// Reads the states of a stream. Throws comm::DecodeError, whose text begins with `who`, for one
/// that no encoder sends.
void get_rans_states(const char* who, comm::BitReader& in, std::span<std::uint32_t> states);

/// The words that may belong to a stream of `count` symbols, aligned, from where `in` stands.
[[nodiscard]] std::vector<std::uint16_t> rans_words_ahead(comm::BitReader in, std::size_t count);

/// Takes the words that were read from `in`. Throws comm::DecodeError, whose text begins with
/// `who`, unless each state has ended as it must.
void end_rans_stream(const char* who, comm::BitReader& in, std::size_t words_read,
                     std::span<const std::uint32_t> states);

}  // namespace mvsgd::compress
