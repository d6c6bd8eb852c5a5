#include "compress/positions/rans_codec.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <string>
#include <utility>

#include "compress/coder/rans_stream.hpp"
#include "compress/positions/gap_rows.hpp"
#include "compress/positions/position_items.hpp"

namespace mvsgd::compress {
namespace {

constexpr const char* kWho = "rans code";
constexpr std::uint64_t kMostPerBit = 10;
constexpr std::size_t kLanes = 4;
constexpr unsigned kLengthBits = 5;    // of how many plain bits a far gap has
constexpr unsigned kMostGapBits = 31;  // below the highest of a gap
constexpr std::size_t kSlotsOfARow = std::size_t{1} << kSlotBits;
constexpr std::size_t kChunk = GapScale::kChunk;
static_assert(kChunk % kLanes == 0);

// A slot of a row: what its symbol is, its frequency, and how far into the symbol's slots.
constexpr unsigned kSymbolBits = 8;  // 5 would do; a byte needs no mask
constexpr unsigned kFrequencyBits = kSlotBits;

// The largest unit with which the plain bits of a chunk fit a word, if no gap of it is far.
constexpr unsigned kMostUnitOfAWord = 64 / kChunk - kGapGroups[kFarSymbol - 1].extra;

constexpr auto kSlots = [] {
  std::array<std::array<std::uint32_t, kSlotsOfARow>, kGapRows> rows{};
  for (std::size_t row = 0; row < kGapRows; ++row) {
    std::size_t slot = 0;
    for (std::uint32_t s = 0; s < kGapSymbols; ++s) {
      const std::uint32_t f = kGapFrequencies[row][s];
      for (std::uint32_t offset = 0; offset < f; ++offset) {
        rows[row][slot++] = s | f << kSymbolBits | offset << (kSymbolBits + kFrequencyBits);
      }
    }
  }
  return rows;
}();

constexpr auto kSteps = [] {
  std::array<RansStep, kGapRows * kRowStride> steps{};
  for (std::size_t row = 0; row < kGapRows; ++row) {
    std::uint32_t begin = 0;
    for (std::size_t s = 0; s < kGapSymbols; ++s) {
      const std::uint32_t f = kGapFrequencies[row][s];
      steps[row * kRowStride + s] = rans_step(f, begin, kSlotBits);
      begin += f;
    }
  }
  return steps;
}();

[[noreturn]] void refuse(const std::string& what, const comm::BitReader& in) {
  refuse_rans(kWho, what, in);
}

// 2^n - 1, without a shift by n, which takes three operations where there is no BMI2.
constexpr auto kLowBits = [] {
  std::array<std::uint64_t, 48> bits{};
  for (std::size_t n = 1; n < bits.size(); ++n) bits[n] = 2 * bits[n - 1] + 1;
  return bits;
}();

// row * kRowStride + symbol of each gap. Its plain bits go to put(value, width).
template <typename Put>
std::vector<std::uint16_t> steps_of(std::span<const Index> positions, std::uint64_t d,
                                    const Put& put) {
  std::vector<std::uint16_t> steps(positions.size());
  GapScale scale(d, positions.size());
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < positions.size(); i += kChunk) {
    const std::size_t gaps_here = std::min(positions.size() - i, kChunk);
    std::array<std::uint32_t, kChunk> gaps{};
    std::uint32_t any = 0;
    const auto take = [&](std::size_t j) {
      gaps[j] = positions[i + j] - next;
      next = positions[i + j] + 1;
      any |= gaps[j];
    };
    if (gaps_here == kChunk) {
      for_each_lane<kChunk>(take);
    } else {
      for (std::size_t j = 0; j < gaps_here; ++j) take(j);
    }
    const unsigned unit = scale.unit();
    const std::size_t row = scale.row() * kRowStride;
    std::int64_t lessons = 0;
    const auto code = [&](std::size_t j, std::size_t symbol) {
      steps[i + j] = static_cast<std::uint16_t>(row + symbol);
      lessons += kGapLessons[row + symbol];
    };
    if (gaps_here == kChunk && unit <= kMostUnitOfAWord && any >> unit < kFarGap) {
      std::uint64_t plain = 0;
      unsigned plain_width = 0;
      for_each_lane<kChunk>([&](std::size_t j) {
        const std::uint8_t symbol = kSymbolOfUnits[gaps[j] >> unit];
        const unsigned width = unit + kGapGroups[symbol].extra;
        plain |= (gaps[j] & kLowBits[width]) << plain_width;
        plain_width += width;
        code(j, symbol);
      });
      put(plain, plain_width);
    } else {
      for (std::size_t j = 0; j < gaps_here; ++j) {
        std::size_t symbol = kFarSymbol;
        if (const std::uint32_t units = gaps[j] >> unit; units < kFarGap) {
          symbol = kSymbolOfUnits[units];
          const unsigned width = unit + kGapGroups[symbol].extra;
          put(gaps[j] & kLowBits[width], width);
        } else {
          const auto width = static_cast<unsigned>(std::bit_width(gaps[j])) - 1;
          put((gaps[j] & kLowBits[width]) << kLengthBits | (width - unit - kFarExtra),
              kLengthBits + width);
        }
        code(j, symbol);
      }
    }
    static_cast<void>(scale.learn(lessons));  // of positions below 2^32
  }
  return steps;
}

RansStream coded(std::span<const std::uint16_t> steps) {
  return rans_stream<kLanes>(steps.size(), kSlotBits, [steps](std::size_t i) -> const RansStep& {
    return kSteps[steps[i]];
  });
}

struct Symbols {
  std::vector<std::uint8_t> of_gap;
  std::vector<std::uint8_t> unit_of_chunk;  // u
};

Symbols read_symbols(comm::BitReader& in, std::uint64_t d, std::size_t count) {
  std::array<std::uint32_t, kLanes> sent;
  get_rans_states(kWho, in, sent);
  std::array<std::uint32_t, kLanes> states = sent;  // never in memory, unlike what is passed on
  const std::vector<std::uint16_t> words = rans_words_ahead(in, count);
  Symbols symbols{.of_gap = std::vector<std::uint8_t>(count),
                  .unit_of_chunk = std::vector<std::uint8_t>(ceil_div(count, kChunk))};
  constexpr std::uint32_t kSlot = (1U << kSlotBits) - 1;
  constexpr std::uint32_t kSymbol = (1U << kSymbolBits) - 1;
  constexpr std::uint32_t kFrequency = (1U << kFrequencyBits) - 1;
  const auto rest_of = [](std::uint32_t state, std::uint32_t slot) {
    return (slot >> kSymbolBits & kFrequency) * (state >> kSlotBits) +
           (slot >> (kSymbolBits + kFrequencyBits));
  };
  GapScale scale(d, count);
  std::size_t taken = 0;  // words
  std::size_t i = 0;
  for (; i + kChunk <= count && taken + kChunk <= words.size(); i += kChunk) {
    const std::uint32_t* const slots = kSlots[scale.row()].data();
    const std::int64_t* const lesson_of = &kGapLessons[scale.row() * kRowStride];
    symbols.unit_of_chunk[i / kChunk] = static_cast<std::uint8_t>(scale.unit());
    std::int64_t lessons = 0;
    for_each_lane<kChunk>([&](std::size_t j) {
      std::uint32_t state = states[j % kLanes];
      const std::uint32_t slot = slots[state & kSlot];
      symbols.of_gap[i + j] = static_cast<std::uint8_t>(slot & kSymbol);
      lessons += lesson_of[slot & kSymbol];
      state = rest_of(state, slot);
      // All ones where a word is due: a branch would be predicted wrong too often.
      const std::uint64_t due = 0 - std::uint64_t{state < kLeastRansState};
      state ^= (state ^ (state << kRansWordBits | words[taken])) & static_cast<std::uint32_t>(due);
      taken -= due;
      states[j % kLanes] = state;
    });
    if (!scale.learn(lessons)) refuse("gaps beyond any d", in);
  }
  std::array<std::uint32_t, kLanes> last = states;
  while (i < count) {
    const std::uint32_t* const slots = kSlots[scale.row()].data();
    symbols.unit_of_chunk[i / kChunk] = static_cast<std::uint8_t>(scale.unit());
    const std::int64_t* const lesson_of = &kGapLessons[scale.row() * kRowStride];
    std::int64_t lessons = 0;
    for (const std::size_t end = std::min(count, i + kChunk); i < end; ++i) {
      std::uint32_t& state = last[i % kLanes];
      const std::uint32_t slot = slots[state & kSlot];
      symbols.of_gap[i] = static_cast<std::uint8_t>(slot & kSymbol);
      lessons += lesson_of[slot & kSymbol];
      state = rest_of(state, slot);
      if (state >= kLeastRansState) continue;
      if (taken == words.size()) refuse("it ends before gap " + std::to_string(i + 1), in);
      state = state << kRansWordBits | words[taken++];
    }
    if (!scale.learn(lessons)) refuse("gaps beyond any d", in);
  }
  end_rans_stream(kWho, in, taken, last);
  return symbols;
}

// Every position of [0, d) that is not in `set`.
std::vector<Index> others_of(std::span<const Index> set, std::uint64_t d) {
  std::vector<Index> others;
  others.reserve(d - set.size());
  Index next = 0;
  for (const Index member : set) {
    while (next < member) others.push_back(next++);
    ++next;
  }
  while (next < d) others.push_back(next++);
  return others;
}

struct ListToCode {
  ListToCode(std::span<const Index> set, std::uint64_t d) : members(set) {
    if (2 * set.size() <= d) return;
    others = others_of(set, d);
    members = others;
  }

  std::vector<Index> others;
  std::span<const Index> members;
};

bool fit_a_word(std::span<const std::uint8_t, kChunk> symbols, unsigned unit) {
  return unit <= kMostUnitOfAWord && symbols[0] != kFarSymbol && symbols[1] != kFarSymbol &&
         symbols[2] != kFarSymbol && symbols[3] != kFarSymbol;
}

// The positions of `count` gaps.
std::vector<Index> decode_gaps(comm::BitReader& in, std::uint64_t d, std::size_t count) {
  const Symbols symbols = read_symbols(in, d, count);
  std::vector<Index> positions(count);
  std::uint64_t next = 0;
  comm::BitReader plain = in;
  for (std::size_t i = 0; i < count;) {
    const unsigned unit = symbols.unit_of_chunk[i / kChunk];
    const std::size_t end = std::min(count, i + kChunk);
    if (end - i == kChunk &&
        fit_a_word(std::span(symbols.of_gap).subspan(i).first<kChunk>(), unit)) {
      std::uint64_t low = plain.peek();
      unsigned taken = 0;
      for_each_lane<kChunk>([&](std::size_t j) {
        const GapGroup group = kGapGroups[symbols.of_gap[i + j]];
        const unsigned width = unit + group.extra;
        next += (group.begin << unit) + (low & kLowBits[width]);
        positions[i + j] = static_cast<Index>(next);
        ++next;
        low >>= width;
        taken += width;
      });
      plain.skip(comm::Bits(taken));
      i = end;
    }
    for (; i < end; ++i) {
      const std::uint8_t symbol = symbols.of_gap[i];
      const GapGroup group = kGapGroups[symbol];
      std::uint64_t begin = std::uint64_t{group.begin} << unit;
      unsigned width = unit + group.extra;
      std::uint64_t low = plain.peek();
      if (symbol == kFarSymbol) {
        width += static_cast<unsigned>(low & ((1U << kLengthBits) - 1));
        if (width > kMostGapBits) refuse("a gap of " + std::to_string(width) + " bits", plain);
        begin = std::uint64_t{1} << width;
        low >>= kLengthBits;
        plain.skip(comm::Bits(kLengthBits));
      }
      plain.skip(comm::Bits(width));
      next += begin + (low & kLowBits[width]);
      positions[i] = static_cast<Index>(next);
      ++next;
    }
    if (next > d) {
      refuse("positions of d = " + std::to_string(d) + " up to " + std::to_string(next - 1), plain);
    }
  }
  in = plain;
  return positions;
}

}  // namespace

comm::Bits RansCodec::size(std::span<const Index> positions) const {
  check_positions("RansCodec::size", positions, d_);
  const ListToCode list(positions, d_);
  if (list.members.size() < kFewest) return of_few_.size(list.members);
  std::uint64_t plain = 0;
  const auto steps =
      steps_of(list.members, d_, [&](std::uint64_t, unsigned width) { plain += width; });
  return coded(steps).size() + comm::Bits(plain);
}

void RansCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  check_positions("RansCodec::encode", positions, d_);
  const ListToCode list(positions, d_);
  if (list.members.size() < kFewest) return of_few_.encode(list.members, out);
  ItemWriter plain(out, comm::Bits((kLengthBits + kMostGapBits) * list.members.size()));
  const auto steps = steps_of(
      list.members, d_, [&](std::uint64_t value, unsigned width) { plain.put(value, width); });
  coded(steps).append_to(out);
  plain.finish();
}

void RansCodec::encode_by_definition(std::span<const Index> positions, comm::BitWriter& out) const {
  check_positions("RansCodec::encode_by_definition", positions, d_);
  const ListToCode list(positions, d_);
  const std::size_t count = list.members.size();
  if (count < kFewest) return of_few_.encode(list.members, out);
  comm::BitWriter plain;
  std::vector<std::array<std::size_t, 2>> symbols;  // row, symbol
  auto distance = static_cast<std::int64_t>((d_ << 16) / count);
  std::int64_t clustered = 0;
  std::int64_t pull = 0;
  std::int64_t lean = 0;
  std::uint64_t next = 0;
  unsigned unit = 0;
  std::size_t row = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 4 == 0) {
      distance = std::max<std::int64_t>(distance + (distance * pull >> 12), 1 << 16);
      clustered += lean - (clustered >> 6);
      pull = 0;
      lean = 0;
      const auto octave =
          static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(distance))) - 17;
      const auto quarter = static_cast<std::size_t>(distance >> (octave + 14)) % 4;
      unit = octave < 2 ? 0 : octave - 2;
      row = (clustered > 0 ? 16 : 0) + (octave < 3 ? 4 * octave : 12) + quarter;
    }
    const std::uint64_t gap = list.members[i] - next;
    next = std::uint64_t{list.members[i]} + 1;
    std::size_t symbol = 0;
    while (symbol < kFarSymbol && kGapGroups[symbol + 1].begin <= gap >> unit) ++symbol;
    unsigned width = unit + kGapGroups[symbol].extra;
    if (symbol == kFarSymbol) {
      while (gap >> width > 1) ++width;
      plain.put(width - unit - kFarExtra, kLengthBits);
    }
    plain.put(gap % (std::uint64_t{1} << width), width);
    symbols.push_back({row, symbol});
    pull += pull_of(kGapLessons[row * kRowStride + symbol]);
    lean += lean_of(kGapLessons[row * kRowStride + symbol]);
  }

  std::array<std::uint64_t, kLanes> states;
  states.fill(kLeastRansState);
  std::vector<std::uint64_t> words;
  for (std::size_t i = count; i-- > 0;) {
    std::uint64_t& x = states[i % kLanes];
    const auto& frequencies = kGapFrequencies[symbols[i][0]];
    const std::size_t symbol = symbols[i][1];
    std::uint64_t begin = 0;
    for (std::size_t s = 0; s < symbol; ++s) begin += frequencies[s];
    const std::uint64_t f = frequencies[symbol];
    if (x >= f << (32 - kSlotBits)) {
      words.push_back(x % kLeastRansState);
      x /= kLeastRansState;
    }
    x = kSlotsOfARow * (x / f) + x % f + begin;
  }
  for (const std::uint64_t state : states) out.put(state, 32);
  for (std::size_t i = words.size(); i-- > 0;) out.put(words[i], kRansWordBits);
  out.put_all(std::move(plain));
}

std::vector<Index> RansCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  if (count > d_) refuse(std::to_string(count) + " positions of d = " + std::to_string(d_), in);
  const bool is_of_others = 2 * count > d_;
  const std::uint64_t members = is_of_others ? d_ - count : count;
  const bool is_of_few = members < kFewest;  // whose code may learn to take far fewer bits
  if (!is_of_few && members / kMostPerBit > in.remaining().count()) {
    refuse(std::to_string(members) + " gaps in " + std::to_string(in.remaining().count()) + " bits",
           in);
  }
  std::vector<Index> list = is_of_few ? of_few_.decode(in, members) : decode_gaps(in, d_, members);
  return is_of_others ? others_of(list, d_) : list;
}

}  // namespace mvsgd::compress
