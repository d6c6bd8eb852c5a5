#include "compress/values/code_entropy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/values/quantizer.hpp"
#include "compress/values/rans.hpp"

namespace mvsgd::compress {
namespace {

constexpr unsigned kModelBits = 2;
constexpr unsigned kPlain = 0;
constexpr unsigned kOneRow = 1;
constexpr unsigned kTwoRows = 2;
constexpr unsigned kLowBitsApart = 3;
constexpr unsigned kLowBitsWidth = 3;  // of how many there are
constexpr std::size_t kCountOfManyLanes = 8192;
constexpr int kMostRowBits = 11;
constexpr unsigned kUnit = 16;  // the unit of costs: 2^-16 bits

using Counts = std::span<const std::uint64_t>;
using Row = std::vector<std::uint32_t>;

std::size_t lanes_of(std::size_t count) { return count < kCountOfManyLanes ? 1 : Rans::kManyLanes; }

unsigned row_bits(std::size_t count) {
  return static_cast<unsigned>(
      std::clamp(static_cast<int>(std::bit_width(count)) - 3, 8, kMostRowBits));
}

Row frequencies(Counts counts, unsigned bits) {
  std::uint64_t all = 0;
  for (const std::uint64_t c : counts) all += c;
  Row row(counts.size());
  std::int64_t missing = std::int64_t{1} << bits;
  for (std::size_t s = 0; s < row.size(); ++s) {
    if (counts[s] == 0) continue;
    const std::uint64_t f = ((counts[s] << bits) + all / 2) / all;
    row[s] = static_cast<std::uint32_t>(std::max<std::uint64_t>(f, 1));
    missing -= row[s];
  }
  for (; missing > 0; --missing) {
    std::size_t best = 0;
    for (std::size_t s = 1; s < row.size(); ++s) {
      if (counts[s] * (2 * row[best] + 1) > counts[best] * (2 * row[s] + 1)) best = s;
    }
    ++row[best];
  }
  for (; missing < 0; ++missing) {
    std::size_t best = row.size();
    for (std::size_t s = 0; s < row.size(); ++s) {
      if (row[s] < 2) continue;
      if (best == row.size() || counts[s] * (2 * row[best] - 1) < counts[best] * (2 * row[s] - 1)) {
        best = s;
      }
    }
    --row[best];
  }
  return row;
}

// floor(log2(left / levels)), or 0.
unsigned plain_bits(std::uint64_t left, std::size_t levels) {
  return left < levels ? 0 : static_cast<unsigned>(std::bit_width(left / levels)) - 1;
}

// Calls put(value, width) for each number with which a row is written.
template <typename Put>
void write_row(const Row& row, unsigned bits, const Put& put) {
  std::uint64_t left = std::uint64_t{1} << bits;
  for (std::size_t s = 0; s + 1 < row.size() && left > 0; ++s) {
    const unsigned r = plain_bits(left, row.size() - s);
    for (std::uint32_t zeros = row[s] >> r; zeros > 0; --zeros) put(0, 1);
    put(1, 1);
    put(row[s] & ((std::uint32_t{1} << r) - 1), r);
    left -= row[s];
  }
}

[[noreturn]] void refuse(const std::string& what, const comm::BitReader& in) {
  throw comm::DecodeError("entropy of codes: " + what + ", before bit " +
                          std::to_string(in.position().count()));
}

Row read_row(comm::BitReader& in, std::size_t levels, unsigned bits) {
  Row row(levels);
  std::uint64_t left = std::uint64_t{1} << bits;
  for (std::size_t s = 0; s + 1 < levels && left > 0; ++s) {
    const unsigned r = plain_bits(left, levels - s);
    std::uint64_t f = 0;
    while (in.get(1) == 0) {
      f += std::uint64_t{1} << r;
      if (f > left) refuse("a frequency above the " + std::to_string(left) + " left", in);
    }
    f += in.get(r);
    if (f > left) refuse("a frequency above the " + std::to_string(left) + " left", in);
    row[s] = static_cast<std::uint32_t>(f);
    left -= f;
  }
  row[levels - 1] += static_cast<std::uint32_t>(left);
  return row;
}

// log2 f in units of 2^-16, rounded down, of each frequency but 0.
constexpr auto kLogarithms = [] {
  std::array<std::uint32_t, (std::size_t{1} << kMostRowBits) + 1> logs{};
  for (std::uint32_t f = 1; f < logs.size(); ++f) {
    const auto whole = static_cast<unsigned>(std::bit_width(f)) - 1;
    logs[f] = whole;
    std::uint64_t y = std::uint64_t{f} << (31 - whole);
    for (unsigned i = 0; i < kUnit; ++i) {
      y = y * y >> 31;
      const std::uint64_t bit = y >> 32;
      y >>= bit;
      logs[f] = logs[f] << 1 | static_cast<std::uint32_t>(bit);
    }
  }
  return logs;
}();

// The cost of a row and of its levels, in units of 2^-16 bits.
std::uint64_t cost(const Row& row, Counts counts, unsigned bits) {
  std::uint64_t cost = 0;
  write_row(row, bits, [&](std::uint64_t, unsigned width) { cost += width; });
  cost <<= kUnit;
  for (std::size_t s = 0; s < row.size(); ++s) {
    if (counts[s] > 0) cost += counts[s] * ((std::uint64_t{bits} << kUnit) - kLogarithms[row[s]]);
  }
  return cost;
}

// Rows of frequencies, where levels are coded by any.
struct Model {
  unsigned low_bits = 0;  // of a level, which stay plain
  Row rows;               // one after the other; none where all stays plain

  [[nodiscard]] bool has_two_rows(std::size_t levels) const {
    return rows.size() > levels >> low_bits;
  }
  bool operator==(const Model&) const = default;
};

// How often levels occur that are alike but for `low_bits`.
std::vector<std::uint64_t> without_low_bits(Counts counts, unsigned low_bits) {
  std::vector<std::uint64_t> sums(counts.size() >> low_bits);
  for (std::size_t s = 0; s < counts.size(); ++s) sums[s >> low_bits] += counts[s];
  return sums;
}

// `counts` [2 L] are those of values that are not marked, then those of marked ones.
Model chosen_model(Counts counts, std::size_t count, unsigned q) {
  Model model;
  if (count == 0) return model;
  const std::size_t levels = counts.size() / 2;
  const unsigned bits = row_bits(count);
  const std::uint64_t lanes = std::uint64_t{32 * lanes_of(count)} << kUnit;
  std::uint64_t least = std::uint64_t{count} * (q - 1) << kUnit;
  const auto is_none = [](std::uint64_t c) { return c == 0; };
  const bool one_alone = std::ranges::all_of(counts.first(levels), is_none) ||
                         std::ranges::all_of(counts.last(levels), is_none);
  for (unsigned low_bits = 0; low_bits + 2 <= q; ++low_bits) {
    const std::uint64_t plain =
        (std::uint64_t{count} * low_bits + (low_bits == 0 ? 0 : 1 + kLowBitsWidth)) << kUnit;
    const auto apart = without_low_bits(counts, low_bits);
    const Counts unmarked = Counts(apart).first(apart.size() / 2);
    const Counts marked = Counts(apart).last(apart.size() / 2);
    std::vector<std::uint64_t> all(unmarked.begin(), unmarked.end());
    for (std::size_t s = 0; s < all.size(); ++s) all[s] += marked[s];
    Row one = frequencies(all, bits);
    if (const auto with_one = cost(one, all, bits) + lanes + plain; with_one < least) {
      least = with_one;
      model = {.low_bits = low_bits, .rows = std::move(one)};
    }
    if (one_alone) continue;
    Row two = frequencies(unmarked, bits);
    const Row second = frequencies(marked, bits);
    if (const auto with_two =
            cost(two, unmarked, bits) + cost(second, marked, bits) + lanes + plain;
        with_two < least) {
      least = with_two;
      two.insert(two.end(), second.begin(), second.end());
      model = {.low_bits = low_bits, .rows = std::move(two)};
    }
  }
  return model;
}

// How often each symbol occurs, of counts.size() symbols.
void count_symbols(std::span<const std::uint8_t> symbols, std::span<std::uint64_t> counts) {
  // Four sets in turn, since incrementing a counter waits for its last store.
  std::array<std::array<std::uint32_t, Rans::kMostSymbols>, 4> sets{};
  std::size_t i = 0;
  if (counts.size() <= 16) {  // by pairs: each symbol has four bits of a byte
    for (; i + 8 <= symbols.size(); i += 8) {
      std::uint64_t pairs = 0;
      std::memcpy(&pairs, &symbols[i], sizeof pairs);
      pairs |= pairs >> 4;
      for (unsigned set = 0; set < 4; ++set) ++sets[set][pairs >> 16 * set & 0xff];
    }
    for (const auto& set : sets) {
      for (std::size_t pair = 0; pair < set.size(); ++pair) {
        if (set[pair] == 0) continue;
        counts[pair % 16] += set[pair];
        counts[pair / 16] += set[pair];
      }
    }
  } else {
    for (; i + 4 <= symbols.size(); i += 4) {
      for (unsigned set = 0; set < 4; ++set) ++sets[set][symbols[i + set]];
    }
    for (std::size_t s = 0; s < counts.size(); ++s) {
      for (const auto& set : sets) counts[s] += set[s];
    }
  }
  for (; i < symbols.size(); ++i) ++counts[symbols[i]];
}

// Levels as symbols of two rows, those of marked values in the second; and how often each occurs,
// as the [2 L] that chosen_model() takes.
struct MarkedLevels {
  std::vector<std::uint8_t> symbols;
  std::vector<std::uint64_t> counts;
};

MarkedLevels marked_levels(std::span<const std::uint8_t> codes, unsigned q,
                           std::span<const std::uint8_t> own) {
  const unsigned level_bits = q - 1;
  const auto low = static_cast<std::uint8_t>((1U << level_bits) - 1);
  MarkedLevels levels{.symbols = std::vector<std::uint8_t>(codes.size()),
                      .counts = std::vector<std::uint64_t>(std::size_t{1} << q)};
  std::uint8_t* const symbols = levels.symbols.data();
  if (own.empty()) {
    for (std::size_t i = 0; i < codes.size(); ++i) symbols[i] = codes[i] & low;
  } else {
    const auto mark = static_cast<std::uint8_t>(1U << level_bits);
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const auto marked = static_cast<std::uint8_t>(0 - own[i]);  // all ones, or none
      symbols[i] = (codes[i] & low) | (marked & mark);
    }
  }
  count_symbols(levels.symbols, levels.counts);
  return levels;
}

void check_arguments(const char* who, unsigned q, std::size_t count,
                     std::span<const std::uint8_t> own) {
  std::uint8_t most = 0;
  for (const std::uint8_t mark : own) most = std::max(most, mark);
  if (q < 2 || q > 8 || (!own.empty() && own.size() != count) || most > 1) {
    throw std::invalid_argument(std::string(who) + ": q = " + std::to_string(q) + ", " +
                                std::to_string(own.size()) + " marks up to " +
                                std::to_string(most) + " for " + std::to_string(count) + " codes");
  }
}

// Gathers the lowest bit of each of eight bytes, the first byte's lowest, and spreads them again.
std::uint64_t gathered(std::uint64_t bytes) {
  return (bytes & 0x0101010101010101) * 0x0102040810204080 >> 56;
}

std::uint64_t spread(std::uint64_t bits) {
  // Copies all bits into each byte, then keeps the byte's own.
  const std::uint64_t own = bits * 0x0101010101010101 & 0x8040201008040201;
  return ((own + 0x00406070787c7e7f) >> 7 & 0x0101010101010101) | (own >> 63 << 56);
}

// Eight bytes, the first lowest.
std::uint64_t load_bytes(const std::uint8_t* from) {
  std::uint64_t bytes = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&bytes, from, sizeof bytes);
  } else {
    for (unsigned j = 0; j < 8; ++j) bytes |= std::uint64_t{from[j]} << 8 * j;
  }
  return bytes;
}

void store_bytes(std::uint64_t bytes, std::uint8_t* to) {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(to, &bytes, sizeof bytes);
  } else {
    for (unsigned j = 0; j < 8; ++j) to[j] = static_cast<std::uint8_t>(bytes >> 8 * j);
  }
}

constexpr std::size_t kSignsAtOnce = 64;

void put_signs(std::span<const std::uint8_t> codes, unsigned level_bits, comm::BitWriter& out) {
  out.reserve(comm::Bits(codes.size()));
  std::size_t i = 0;
  for (; i + kSignsAtOnce <= codes.size(); i += kSignsAtOnce) {
    std::uint64_t signs = 0;
    for (unsigned group = 0; group < kSignsAtOnce; group += 8) {
      signs |= gathered(load_bytes(&codes[i + group]) >> level_bits) << group;
    }
    out.put(signs, kSignsAtOnce);
  }
  for (; i < codes.size(); ++i) out.put(codes[i] >> level_bits, 1);
}

// Gives codes[i] its sign, which is the next bit.
void get_signs(comm::BitReader& in, unsigned level_bits, std::span<std::uint8_t> codes) {
  std::size_t i = 0;
  for (; i + kSignsAtOnce <= codes.size(); i += kSignsAtOnce) {
    const std::uint64_t signs = in.get(kSignsAtOnce);
    for (unsigned group = 0; group < kSignsAtOnce; group += 8) {
      std::uint8_t* const eight = &codes[i + group];
      store_bytes(load_bytes(eight) | spread(signs >> group & 0xff) << level_bits, eight);
    }
  }
  for (; i < codes.size(); ++i) {
    codes[i] = static_cast<std::uint8_t>(codes[i] | in.get(1) << level_bits);
  }
}

void put_model(const Model& model, std::size_t levels, comm::BitWriter& out) {
  const bool two = model.has_two_rows(levels);
  if (model.low_bits == 0) return out.put(two ? kTwoRows : kOneRow, kModelBits);
  out.put(kLowBitsApart, kModelBits);
  out.put(two ? 1 : 0, 1);
  out.put(model.low_bits, kLowBitsWidth);
}

// The low bits of all levels.
std::vector<std::uint8_t> low_bits_of(std::span<const std::uint8_t> codes, unsigned low_bits) {
  std::vector<std::uint8_t> low(codes.begin(), codes.end());
  for (std::uint8_t& code : low) code &= static_cast<std::uint8_t>((1U << low_bits) - 1);
  return low;
}

// Rows and levels. `symbols` are those of marked_levels().
void put_levels(const Model& model, unsigned q, std::vector<std::uint8_t> symbols,
                comm::BitWriter& out) {
  const std::size_t levels = std::size_t{1} << (q - 1);
  const std::size_t told = levels >> model.low_bits;
  const unsigned bits = row_bits(symbols.size());
  for (auto row = model.rows.begin(); row != model.rows.end();
       row += static_cast<std::ptrdiff_t>(told)) {
    write_row({row, row + static_cast<std::ptrdiff_t>(told)}, bits,
              [&](std::uint64_t value, unsigned width) { out.put(value, width); });
  }
  if (model.low_bits > 0) {
    for (std::uint8_t& symbol : symbols) {
      symbol = static_cast<std::uint8_t>(symbol >> model.low_bits);
    }
  }
  if (!model.has_two_rows(levels)) {
    for (std::uint8_t& symbol : symbols) symbol &= static_cast<std::uint8_t>(told - 1);
  }
  Rans(bits, told, model.rows).encode(symbols, lanes_of(symbols.size()), out);
}

// Writes the model, signs and levels of entropy-coded codes. Writes nothing if that would not be
// shorter than plain codes.
bool put_if_shorter(std::span<const std::uint8_t> codes, unsigned q,
                    std::span<const std::uint8_t> own, comm::BitWriter& out) {
  MarkedLevels levels = marked_levels(codes, q, own);
  const Model model = chosen_model(levels.counts, codes.size(), q);
  if (model.rows.empty()) return false;
  out.reserve(comm::Bits(kModelBits + std::uint64_t{q} * codes.size()));
  put_model(model, std::size_t{1} << (q - 1), out);
  put_signs(codes, q - 1, out);
  if (model.low_bits > 0) encode_codes(low_bits_of(codes, model.low_bits), model.low_bits, out);
  put_levels(model, q, std::move(levels.symbols), out);
  return out.size().count() < kModelBits + std::uint64_t{q} * codes.size();
}

}  // namespace

void encode_codes_by_entropy(std::span<const std::uint8_t> codes, unsigned value_bits,
                             std::span<const std::uint8_t> own, comm::BitWriter& out) {
  check_arguments("encode_codes_by_entropy", value_bits, codes.size(), own);
  unsigned all = 0;
  for (const std::uint8_t code : codes) all |= code;
  if (all >> value_bits != 0) {
    const auto wide =
        std::ranges::find_if(codes, [&](std::uint8_t c) { return c >> value_bits != 0; });
    throw std::invalid_argument(
        "encode_codes_by_entropy: codes[" + std::to_string(wide - codes.begin()) +
        "] = " + std::to_string(*wide) + " of q = " + std::to_string(value_bits));
  }
  comm::BitWriter coded;
  if (put_if_shorter(codes, value_bits, own, coded)) {
    return out.put_all(std::move(coded));
  }
  out.put(kPlain, kModelBits);
  encode_codes(codes, value_bits, out);
}

comm::Bits entropy_of_codes(std::span<const std::uint8_t> codes, unsigned value_bits,
                            std::span<const std::uint8_t> own) {
  comm::BitWriter out;
  encode_codes_by_entropy(codes, value_bits, own, out);
  return out.size();
}

std::vector<std::uint8_t> decode_codes_by_entropy(comm::BitReader& in, std::size_t count,
                                                  unsigned value_bits,
                                                  std::span<const std::uint8_t> own) {
  check_arguments("decode_codes_by_entropy", value_bits, count, own);
  const std::uint64_t start = in.position().count();
  const auto number = static_cast<unsigned>(in.get(kModelBits));
  if (number == kPlain) {
    std::vector<std::uint8_t> codes = decode_codes(in, count, value_bits);
    comm::BitWriter shorter;
    if (put_if_shorter(codes, value_bits, own, shorter)) {
      refuse("plain codes where " + std::to_string(shorter.size().count()) + " bits do", in);
    }
    return codes;
  }
  Model model;
  bool two = number == kTwoRows;
  if (number == kLowBitsApart) {
    two = in.get(1) != 0;
    model.low_bits = static_cast<unsigned>(in.get(kLowBitsWidth));
    if (model.low_bits == 0 || model.low_bits + 2 > value_bits) {
      refuse(std::to_string(model.low_bits) + " low bits of " + std::to_string(value_bits - 1), in);
    }
  }
  if (two && own.empty()) refuse("two rows without a vote", in);
  comm::BitReader signs = in;
  in.skip(comm::Bits(count));  // which bounds the memory taken
  std::vector<std::uint8_t> low;
  if (model.low_bits > 0) low = decode_codes(in, count, model.low_bits);
  const std::size_t levels = std::size_t{1} << (value_bits - 1);
  const std::size_t told = levels >> model.low_bits;
  const unsigned bits = row_bits(count);
  model.rows = read_row(in, told, bits);
  if (two) {
    const Row second = read_row(in, told, bits);
    model.rows.insert(model.rows.end(), second.begin(), second.end());
  }
  std::vector<std::uint8_t> codes =
      Rans(bits, told, model.rows)
          .decode(in, count, two ? own : std::span<const std::uint8_t>(), lanes_of(count));
  for (std::uint8_t& code : codes) code &= static_cast<std::uint8_t>(told - 1);
  for (std::size_t i = 0; i < low.size(); ++i) {
    codes[i] = static_cast<std::uint8_t>(codes[i] << model.low_bits | low[i]);
  }
  if (chosen_model(marked_levels(codes, value_bits, own).counts, count, value_bits) != model) {
    refuse("model " + std::to_string(number) + " is not that of these codes", in);
  }
  if (in.position().count() - start >= kModelBits + std::uint64_t{value_bits} * count) {
    refuse("no fewer bits than plain codes take", in);
  }
  get_signs(signs, value_bits - 1, codes);
  return codes;
}

}  // namespace mvsgd::compress
