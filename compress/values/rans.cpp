#include "compress/values/rans.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>

namespace mvsgd::compress {
namespace {

constexpr unsigned kWordBits = 16;
constexpr std::uint32_t kLeastState = std::uint32_t{1} << kWordBits;

// A slot of a row: its symbol, the symbol's frequency, and the offset within the symbol's slots.
constexpr unsigned kSymbolBits = 8;
constexpr unsigned kOffsetBits = 12;

constexpr std::uint32_t packed_slot(std::uint32_t symbol, std::uint32_t offset,
                                    std::uint32_t frequency) {
  // 2^12 would not fit. A symbol that has all slots leaves no other symbol whose frequency could
  // be 0.
  return symbol | offset << kSymbolBits | (frequency - 1) << (kSymbolBits + kOffsetBits);
}

// Calls do_lane(0), do_lane(1), ..., unrolled, so that states can stay in registers.
template <std::size_t kLanes, typename DoLane>
void for_each_lane(const DoLane& do_lane) {
  [&]<std::size_t... kLane>(std::index_sequence<kLane...>) { (do_lane(kLane), ...); }
  (std::make_index_sequence<kLanes>());
}

[[noreturn]] void refuse(const std::string& what, const comm::BitReader& in) {
  throw comm::DecodeError("entropy code: " + what + ", at bit " +
                          std::to_string(in.position().count()));
}

// The words that may belong to the stream, aligned, from the position of `in` on. No symbol takes
// two.
std::vector<std::uint16_t> words_ahead(comm::BitReader in, std::size_t count) {
  constexpr unsigned kAtOnce = 4;
  const std::size_t most = std::min<std::size_t>(count, in.remaining().count() / kWordBits);
  std::vector<std::uint16_t> words(most);
  std::size_t i = 0;
  for (; i + kAtOnce <= most; i += kAtOnce) {
    const std::uint64_t four = in.get(kAtOnce * kWordBits);
    for (unsigned j = 0; j < kAtOnce; ++j) {
      words[i + j] = static_cast<std::uint16_t>(four >> kWordBits * j);
    }
  }
  for (; i < most; ++i) words[i] = static_cast<std::uint16_t>(in.get(kWordBits));
  return words;
}

// Writes the words in the order of the stream, which is the reverse.
void put_reversed(std::span<const std::uint16_t> words, comm::BitWriter& out) {
  constexpr std::size_t kAtOnce = 4;
  std::size_t left = words.size();
  for (; left >= kAtOnce; left -= kAtOnce) {
    std::uint64_t four = 0;
    for (unsigned j = 0; j < kAtOnce; ++j) {
      four |= std::uint64_t{words[left - 1 - j]} << kWordBits * j;
    }
    out.put(four, kAtOnce * kWordBits);
  }
  for (; left > 0; --left) out.put(words[left - 1], kWordBits);
}

}  // namespace

Rans::Rans(unsigned bits, std::size_t symbols, std::vector<std::uint32_t> frequencies)
    : bits_(bits), symbols_(symbols) {
  if (bits == 0 || bits > kMostBits || symbols == 0 || frequencies.empty() ||
      frequencies.size() > kMostSymbols || frequencies.size() % symbols != 0) {
    throw std::invalid_argument("Rans: " + std::to_string(frequencies.size()) +
                                " frequencies, rows of " + std::to_string(symbols) +
                                ", bits = " + std::to_string(bits));
  }
  const std::uint32_t all = std::uint32_t{1} << bits;
  for (std::size_t row = 0; row < frequencies.size(); row += symbols) {
    std::uint64_t begin = 0;
    for (std::size_t s = row; s < row + symbols; ++s) {
      const std::uint32_t f = frequencies[s];
      // x / f = x * reciprocal >> (32 + bits) for all x < f 2^(32 - bits). The reciprocal is too
      // large by e / f with e < f <= M, x e < 2^(32 + bits), and the product fits 64 bits.
      const std::uint64_t scale = std::uint64_t{1} << (32 + bits);
      steps_.push_back({.reciprocal = f == 0 ? 0 : (scale + f - 1) / f,
                        .frequency = f,
                        .begin = static_cast<std::uint32_t>(begin)});
      begin += f;
    }
    if (begin != all) {
      throw std::invalid_argument("Rans: the frequencies of row " + std::to_string(row / symbols) +
                                  " sum to " + std::to_string(begin) + ", not " +
                                  std::to_string(all));
    }
  }
}

template <std::size_t kLanes>
void Rans::encode_in(std::span<const std::uint8_t> symbols, comm::BitWriter& out) const {
  // From the last word to the first, a block of symbols at a time; no symbol takes two words.
  constexpr std::size_t kBlock = 4096;
  static_assert(kBlock % kLanes == 0);
  std::vector<std::uint16_t> words;
  std::uint16_t* next = nullptr;
  const unsigned bits = bits_;
  const unsigned spare = 32 - bits;
  const Step* const steps = steps_.data();
  const auto push = [&](std::uint32_t& state, std::uint8_t symbol) {
    const Step& step = steps[symbol];
    if (step.frequency == 0) {
      throw std::invalid_argument("Rans::encode: symbol " + std::to_string(symbol) +
                                  " has no slot");
    }
    std::uint64_t x = state;
    // A word is stored even if the state gives none: a branch would be mispredicted half the time.
    const bool full = x >> spare >= step.frequency;
    *next = static_cast<std::uint16_t>(x);
    next += full;
    x ^= (x ^ x >> kWordBits) & (0 - std::uint64_t{full});
    const std::uint64_t quotient = x * step.reciprocal >> (32 + bits);
    state = static_cast<std::uint32_t>(
        x + quotient * ((std::uint64_t{1} << bits) - step.frequency) + step.begin);
  };

  std::array<std::uint32_t, kLanes> states;
  states.fill(kLeastState);
  std::size_t i = symbols.size();
  std::size_t used = 0;
  while (i != 0) {
    const std::size_t begin = (i - 1) / kBlock * kBlock;
    words.resize(used + kBlock + 1);  // a word is stored before it is known to count
    next = words.data() + used;
    while (i % kLanes != 0) {
      --i;
      push(states[i % kLanes], symbols[i]);
    }
    while (i != begin) {
      i -= kLanes;
      for_each_lane<kLanes>([&](std::size_t lane) {
        push(states[kLanes - 1 - lane], symbols[i + kLanes - 1 - lane]);
      });
    }
    used = static_cast<std::size_t>(next - words.data());
  }
  out.reserve(comm::Bits(32 * kLanes + kWordBits * used));
  for (const std::uint32_t state : states) out.put(state, 32);
  put_reversed(std::span(words).first(used), out);
}

void Rans::encode(std::span<const std::uint8_t> symbols, std::size_t lanes,
                  comm::BitWriter& out) const {
  std::uint8_t last = 0;
  for (const std::uint8_t symbol : symbols) last = std::max(last, symbol);
  if (!symbols.empty() && last >= steps_.size()) {
    throw std::invalid_argument("Rans::encode: symbol " + std::to_string(last) + " of " +
                                std::to_string(steps_.size()));
  }
  if (lanes == 1) return encode_in<1>(symbols, out);
  if (lanes == kManyLanes) return encode_in<kManyLanes>(symbols, out);
  throw std::invalid_argument("Rans::encode: " + std::to_string(lanes) + " lanes");
}

std::vector<std::uint32_t> Rans::slots() const {
  std::vector<std::uint32_t> slots;
  slots.reserve(steps_.size() / symbols_ << bits_);
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    for (std::uint32_t offset = 0; offset < steps_[s].frequency; ++offset) {
      slots.push_back(packed_slot(static_cast<std::uint32_t>(s), offset, steps_[s].frequency));
    }
  }
  return slots;
}

template <std::size_t kLanes, typename RowOf>
std::vector<std::uint8_t> Rans::decode_in(comm::BitReader& in, std::size_t count,
                                          const RowOf& row_of) const {
  std::array<std::uint32_t, kLanes> states;
  for (std::uint32_t& state : states) {
    state = static_cast<std::uint32_t>(in.get(32));
    if (state < kLeastState) refuse("the state " + std::to_string(state) + " of a lane", in);
  }
  const std::vector<std::uint16_t> words = words_ahead(in, count);
  const std::vector<std::uint32_t> all_slots = slots();
  const std::uint32_t* const slots = all_slots.data();
  const std::uint16_t* next = words.data();
  const std::uint16_t* const end = next + words.size();
  const unsigned bits = bits_;
  const std::uint32_t low = (std::uint32_t{1} << bits) - 1;
  std::vector<std::uint8_t> symbols(count);

  // The state after the next symbol, which may still be too small.
  const auto slot_of = [&](std::uint32_t state, std::size_t i) {
    return slots[(row_of(i) << bits) | (state & low)];
  };
  const auto rest_of = [&](std::uint32_t state, std::uint32_t slot) {
    return ((slot >> (kSymbolBits + kOffsetBits)) + 1) * (state >> bits) +
           (slot >> kSymbolBits & ((1U << kOffsetBits) - 1));
  };
  std::size_t i = 0;
  for (; i + kLanes <= count && static_cast<std::size_t>(end - next) >= kLanes; i += kLanes) {
    std::array<std::uint8_t, kLanes> read;  // stored at once, since any byte could alias a state
    for_each_lane<kLanes>([&](std::size_t lane) {
      const std::uint32_t slot = slot_of(states[lane], i + lane);
      read[lane] = static_cast<std::uint8_t>(slot);
      std::uint32_t state = rest_of(states[lane], slot);
      // A branch: at two bits a symbol one in eight takes a word. Without the branch g++ 12
      // vectorises half of this, which takes twice the time.
      if (state < kLeastState) state = state << kWordBits | *next++;
      states[lane] = state;
    });
    std::ranges::copy(read, symbols.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (; i < count; ++i) {
    std::uint32_t& state = states[i % kLanes];
    const std::uint32_t slot = slot_of(state, i);
    symbols[i] = static_cast<std::uint8_t>(slot);
    state = rest_of(state, slot);
    if (state >= kLeastState) continue;
    if (next == end) {
      in.skip(comm::Bits(kWordBits * words.size()));
      refuse("it ends before symbol " + std::to_string(i + 1) + " of " + std::to_string(count), in);
    }
    state = state << kWordBits | *next++;
  }
  in.skip(comm::Bits(kWordBits * static_cast<std::uint64_t>(next - words.data())));
  for (const std::uint32_t state : states) {
    if (state != kLeastState) refuse("a lane ends with the state " + std::to_string(state), in);
  }
  return symbols;
}

std::vector<std::uint8_t> Rans::decode(comm::BitReader& in, std::size_t count,
                                       std::span<const std::uint8_t> rows,
                                       std::size_t lanes) const {
  if (lanes != 1 && lanes != kManyLanes) {
    throw std::invalid_argument("Rans::decode: " + std::to_string(lanes) + " lanes");
  }
  std::uint8_t last = 0;
  for (const std::uint8_t row : rows) last = std::max(last, row);
  if ((!rows.empty() && rows.size() != count) || last >= steps_.size() / symbols_) {
    throw std::invalid_argument("Rans::decode: " + std::to_string(rows.size()) + " rows up to " +
                                std::to_string(last) + " for " + std::to_string(count) +
                                " symbols in " + std::to_string(steps_.size() / symbols_));
  }
  const auto first = [](std::size_t) { return std::uint32_t{0}; };
  const auto given = [&](std::size_t i) { return std::uint32_t{rows[i]}; };
  if (rows.empty()) {
    return lanes == 1 ? decode_in<1>(in, count, first) : decode_in<kManyLanes>(in, count, first);
  }
  return lanes == 1 ? decode_in<1>(in, count, given) : decode_in<kManyLanes>(in, count, given);
}

}  // namespace mvsgd::compress
