#include "compress/values/rans.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/coder/rans_stream.hpp"
#include "compress/values/rans_eight_lanes.hpp"

namespace mvsgd::compress {
namespace {

constexpr const char* kWho = "entropy code";
static_assert(Rans::kManyLanes == kEightLanes);

[[noreturn]] void refuse_symbol(std::uint8_t symbol) {
  throw std::invalid_argument("Rans::encode: symbol " + std::to_string(symbol) + " has no slot");
}

}  // namespace

Rans::Rans(unsigned bits, std::size_t symbols, std::vector<std::uint32_t> frequencies, Isa isa)
    : isa_(isa), bits_(bits), symbols_(symbols) {
  if (!supports(isa)) {
    throw std::invalid_argument("Rans: this processor or build has no " + std::string(name(isa)));
  }
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
      // Too large a sum, whose steps would be wrong, is refused below.
      steps_.push_back(rans_step(frequencies[s], static_cast<std::uint32_t>(begin), bits));
      begin += frequencies[s];
    }
    if (begin != all) {
      throw std::invalid_argument("Rans: the frequencies of row " + std::to_string(row / symbols) +
                                  " sum to " + std::to_string(begin) + ", not " +
                                  std::to_string(all));
    }
  }
}

template <std::size_t Lanes>
RansStream Rans::encode_in(std::span<const std::uint8_t> symbols) const {
  const RansStep* const steps = steps_.data();
  const auto step_of = [symbols, steps](std::size_t i) -> const RansStep& {
    const RansStep& step = steps[symbols[i]];
    if (step.frequency == 0) refuse_symbol(symbols[i]);
    return step;
  };
#if defined(__x86_64__)
  if constexpr (Lanes == kEightLanes) {
    const std::vector<std::uint32_t> table = packed_steps();
    const auto by_eights = [&](EightStates& states, std::uint16_t*& next, std::size_t i) {
      if (write_eights({.table = table, .bits = bits_}, symbols.first(i), states, next)) {
        return std::size_t{0};
      }
      while (steps[symbols[i - 1]].frequency != 0) --i;
      refuse_symbol(symbols[i - 1]);
    };
    if (isa_ == Isa::avx512) return rans_stream<Lanes>(symbols.size(), bits_, step_of, by_eights);
  }
#endif
  return rans_stream<Lanes>(symbols.size(), bits_, step_of);
}

void Rans::encode(std::span<const std::uint8_t> symbols, std::size_t lanes,
                  comm::BitWriter& out) const {
  std::uint8_t last = 0;
  for (const std::uint8_t symbol : symbols) last = std::max(last, symbol);
  if (!symbols.empty() && last >= steps_.size()) {
    throw std::invalid_argument("Rans::encode: symbol " + std::to_string(last) + " of " +
                                std::to_string(steps_.size()));
  }
  if (lanes == 1) return encode_in<1>(symbols).append_to(out);
  if (lanes == kManyLanes) return encode_in<kManyLanes>(symbols).append_to(out);
  throw std::invalid_argument("Rans::encode: " + std::to_string(lanes) + " lanes");
}

std::vector<std::uint32_t> Rans::packed_steps() const {
  std::vector<std::uint32_t> packed;
  packed.reserve(steps_.size());
  for (const RansStep& step : steps_) packed.push_back(packed_step(step.frequency, step.begin));
  return packed;
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

template <std::size_t Lanes, bool HasRows>
std::vector<std::uint8_t> Rans::decode_in(comm::BitReader& in, std::size_t count,
                                          std::span<const std::uint8_t> rows) const {
  std::array<std::uint32_t, Lanes> states;
  get_rans_states(kWho, in, states);
  const std::vector<std::uint16_t> words = rans_words_ahead(in, count);
  const std::vector<std::uint32_t> all_slots = slots();
  const std::uint32_t* const slots = all_slots.data();
  const std::uint16_t* next = words.data();
  const std::uint16_t* const end = next + words.size();
  const unsigned bits = bits_;
  const std::uint32_t low = (std::uint32_t{1} << bits) - 1;
  std::vector<std::uint8_t> symbols(count);

  // The state after the next symbol, which may still be too small.
  const auto slot_of = [&](std::uint32_t state, std::size_t i) {
    const std::uint32_t row = HasRows ? rows[i] : 0;
    return slots[row << bits | (state & low)];
  };
  const auto rest_of = [&](std::uint32_t state, std::uint32_t slot) {
    return ((slot >> (kSlotSymbolBits + kSlotOffsetBits)) + 1) * (state >> bits) +
           (slot >> kSlotSymbolBits & ((1U << kSlotOffsetBits) - 1));
  };
  std::size_t i = 0;
#if defined(__x86_64__)
  if constexpr (Lanes == kEightLanes) {
    if (isa_ == Isa::avx512) {
      std::span<const std::uint16_t> left = words;
      i = read_eights({.table = all_slots, .bits = bits}, rows, states, left, symbols);
      next = end - left.size();
    }
  }
#endif
  for (; i + Lanes <= count && static_cast<std::size_t>(end - next) >= Lanes; i += Lanes) {
    std::array<std::uint8_t, Lanes> read;  // stored at once, since any byte could alias a state
    for_each_lane<Lanes>([&](std::size_t lane) {
      const std::uint32_t slot = slot_of(states[lane], i + lane);
      read[lane] = static_cast<std::uint8_t>(slot);
      std::uint32_t state = rest_of(states[lane], slot);
      // A branch: at two bits a symbol one in eight takes a word. Without the branch g++ 12
      // vectorises half of this, which takes twice the time.
      if (state < kLeastRansState) state = state << kRansWordBits | *next++;
      states[lane] = state;
    });
    std::ranges::copy(read, symbols.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (; i < count; ++i) {
    std::uint32_t& state = states[i % Lanes];
    const std::uint32_t slot = slot_of(state, i);
    symbols[i] = static_cast<std::uint8_t>(slot);
    state = rest_of(state, slot);
    if (state >= kLeastRansState) continue;
    if (next == end) {
      in.skip(comm::Bits(kRansWordBits * std::uint64_t{words.size()}));
      refuse_rans(kWho,
                  "it ends before symbol " + std::to_string(i + 1) + " of " + std::to_string(count),
                  in);
    }
    state = state << kRansWordBits | *next++;
  }
  end_rans_stream(kWho, in, static_cast<std::size_t>(next - words.data()), states);
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
  if (rows.empty()) {
    return lanes == 1 ? decode_in<1, false>(in, count, rows)
                      : decode_in<kManyLanes, false>(in, count, rows);
  }
  return lanes == 1 ? decode_in<1, true>(in, count, rows)
                    : decode_in<kManyLanes, true>(in, count, rows);
}

}  // namespace mvsgd::compress
