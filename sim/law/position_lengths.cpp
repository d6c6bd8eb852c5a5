#include "sim/law/position_lengths.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>

namespace mvsgd::sim {
namespace {

using Members = std::vector<std::uint32_t>;

constexpr std::uint8_t kRice = 3;
constexpr std::uint8_t kEntropy = 5;
constexpr std::uint8_t kRans = 9;

std::uint64_t floor_log2(std::uint64_t x) {
  return static_cast<std::uint64_t>(std::bit_width(x)) - 1;
}

// The coordinates between each member and the one before it, or the start.
std::vector<std::uint64_t> gaps_of(Coordinates set) {
  std::vector<std::uint64_t> gaps;
  gaps.reserve(set.size());
  std::uint64_t next = 0;
  for (const std::uint64_t member : set) {
    gaps.push_back(member - next);
    next = member + 1;
  }
  return gaps;
}

Members only_in(Coordinates set, Coordinates other) {
  Members members;
  std::ranges::set_difference(set, other, std::back_inserter(members));
  return members;
}

Members others_of(Coordinates set, std::uint64_t n) {
  Members others;
  std::uint64_t next = 0;
  for (const std::uint32_t member : set) {
    for (; next < member; ++next) others.push_back(static_cast<std::uint32_t>(next));
    next = std::uint64_t{member} + 1;
  }
  for (; next < n; ++next) others.push_back(static_cast<std::uint32_t>(next));
  return others;
}

std::uint64_t rice_bits(std::uint64_t block_size, Coordinates set) {
  std::uint64_t bits = 0;
  for (const std::uint64_t gap : gaps_of(set))
    bits += gap / block_size + 1 + floor_log2(block_size);
  return bits;
}

// The entropy code.

struct Probability {
  explicit Probability(std::int64_t start = 0) : p(start << 16) {}
  std::int64_t p;
  std::int64_t count = 24;
};

// The interval [L, L + R) of the number, and how many bits of it are above its unit. L wraps round:
// what it carries changes bits that are counted, and not their count.
class Number {
 public:
  void decide(bool one, Probability& chance) {
    const std::uint64_t b = (range_ >> 16) * static_cast<std::uint64_t>(chance.p >> 16);
    low_ += one ? 0 : b;
    range_ = one ? b : range_ - b;
    constexpr std::int64_t kLeast = std::int64_t{1} << 22;
    constexpr std::int64_t kMost = (std::int64_t{1} << 32) - kLeast;
    chance.count = std::min<std::int64_t>(chance.count + 1, 500);
    chance.p += (((one ? kMost : kLeast) - chance.p) * (131072 / (2 * chance.count + 1))) >> 16;
    if (range_ >= std::uint64_t{1} << 32) return;
    low_ <<= 32;
    range_ <<= 32;
    above_ += 32;
  }

  // t, the bits of the shortest fraction that no other interval has.
  [[nodiscard]] std::uint64_t bits() const {
    for (std::uint64_t t = 1;; ++t) {
      const std::uint64_t step = std::uint64_t{1} << (64 - t);
      const std::uint64_t to_a_multiple = (step - low_ % step) % step;
      if (to_a_multiple <= range_ && range_ - to_a_multiple >= step) return above_ + t;
    }
  }

 private:
  std::uint64_t low_ = 0;
  std::uint64_t range_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t above_ = 0;
};

// The probabilities of a pair of e and h.
struct Decisions {
  explicit Decisions(std::uint64_t h) {
    more.fill(Probability(h == 0 ? 12806 : 20557));
    high.fill(Probability(h == 0 ? 20090 : 23527));
    for (auto& of_group : low) of_group.fill(Probability(h == 0 ? 26172 : 28052));
    half = Probability(h == 0 ? 29434 : 30398);
  }
  std::array<Probability, 4> more;
  std::array<Probability, 2> high;
  std::array<std::array<Probability, 2>, 2> low;
  Probability half;
};

std::uint64_t entropy_bits(std::uint64_t n, Coordinates set) {
  std::vector<Decisions> decisions;
  for (std::uint64_t pair = 0; pair < 2 * 33; ++pair) decisions.emplace_back(pair % 2);
  Number number;
  std::uint64_t plain = 0;
  std::uint64_t a = (n << 16) / std::max<std::uint64_t>(set.size(), 1);
  for (const std::uint64_t gap : gaps_of(set)) {
    const std::uint64_t e = floor_log2(a) - 16;
    const std::uint64_t h = a >> (floor_log2(a) - 1) & 1;
    Decisions& of = decisions[2 * e + h];
    std::uint64_t bits = e == 0 ? 0 : e - 1;  // of a quarter of the group
    std::uint64_t begin = 0;
    std::size_t group = 0;
    while (gap >= begin + (std::uint64_t{4} << bits)) {
      number.decide(true, of.more[std::min<std::size_t>(group, 3)]);
      begin += std::uint64_t{4} << bits;
      ++group;
      if (group > 5) ++bits;
    }
    number.decide(false, of.more[std::min<std::size_t>(group, 3)]);
    const std::size_t which = std::min<std::size_t>(group, 1);
    const std::uint64_t quarter = (gap - begin) >> bits;
    number.decide(quarter / 2 == 1, of.high[which]);
    number.decide(quarter % 2 == 1, of.low[which][quarter / 2]);
    begin += quarter << bits;
    if (begin == 0 && bits > 0) {
      --bits;
      const std::uint64_t half = gap >> bits;
      number.decide(half == 1, of.half);
      begin = half << bits;
    }
    plain += bits;
    a += ((2 * begin + (std::uint64_t{1} << bits) + 1) << 11) - (a >> 4);
  }
  return number.bits() + plain;
}

// The rANS code.

constexpr std::size_t kSymbols = 29;
constexpr std::size_t kRows = 16;
constexpr std::uint64_t kSlots = 1024;
constexpr std::uint64_t kFewest = 8192;

struct Symbol {
  std::uint64_t number;
  std::uint64_t begin;  // b: its first number of units
  std::uint64_t units;  // w
};

Symbol symbol_of(std::uint64_t v) {
  if (v < 16) return {.number = v, .begin = v, .units = 1};
  if (v >= 128) return {.number = 28, .begin = 128, .units = 128};
  const std::uint64_t units = std::uint64_t{1} << (floor_log2(v) - 2);
  return {.number = 16 + 4 * (floor_log2(v) - 4) + v / units - 4,
          .begin = v / units * units,
          .units = units};
}

// The symbols of a row: the frequency of each, the sum of those before it, and by how much it makes
// the scale grow.
struct Row {
  std::array<std::uint64_t, kSymbols> f{};
  std::array<std::uint64_t, kSymbols> c{};
  std::array<std::int64_t, kSymbols> t{};
};

std::int64_t rounded_down(std::int64_t numerator, std::int64_t denominator) {
  const std::int64_t rest = (numerator % denominator + denominator) % denominator;
  return (numerator - rest) / denominator;
}

// g quarters of a gap are known to a row: 32 in the even family, 3 in the clustered one.
Row row_of(std::uint64_t g, std::uint64_t number) {
  const std::uint64_t w = number < 12 ? (9 + 2 * (number % 4)) << number / 4 : 8 * (5 + number % 4);
  std::array<std::uint64_t, 129> s{std::uint64_t{1} << 32};
  for (std::uint64_t v = 0; v < 128; ++v) {
    s[v + 1] = s[v] * (g * w - 8 * g + 32 * v) / (g * w + 32 + 32 * v);
  }
  Row row;
  row.f[0] = kSlots;
  for (std::uint64_t v = 0; v <= 128; ++v) {
    const Symbol symbol = symbol_of(v);
    if (symbol.begin != v) continue;
    const auto known = static_cast<std::int64_t>(g);
    const auto gw = static_cast<std::int64_t>(g * w);
    const auto z = static_cast<std::int64_t>(2 * symbol.begin + symbol.units) - 1;
    const std::int64_t mean = (known + 4) * (gw + 64 + 16 * z);
    row.t[symbol.number] =
        rounded_down((g == 32 ? 1152 : 1280) * (mean - (known + 8) * (gw + 32)), mean);
    if (v == 0) continue;
    const std::uint64_t beyond = v == 128 ? 0 : s[v + symbol.units];
    std::uint64_t& f = row.f[symbol.number];
    f = std::max<std::uint64_t>((s[v] - beyond + (std::uint64_t{1} << 21)) >> 22, 1);
    row.f[0] -= f;
  }
  for (std::size_t i = 1; i < kSymbols; ++i) row.c[i] = row.c[i - 1] + row.f[i - 1];
  return row;
}

// 16 log2 f, by a line between powers of two.
std::int64_t sixteen_log2(std::uint64_t f) {
  const std::uint64_t power = std::uint64_t{1} << floor_log2(f);
  return static_cast<std::int64_t>(16 * floor_log2(f) + 16 * f / power - 16);
}

// A row of both families, and how much likelier each symbol makes the clustered one.
struct Rows {
  Row even;
  Row clustered;
  std::array<std::int64_t, kSymbols> l{};
};

std::array<Rows, kRows> all_rows() {
  std::array<Rows, kRows> all;
  for (std::uint64_t i = 0; i < kRows; ++i) {
    Rows& rows = all[i];
    rows.even = row_of(32, i);
    rows.clustered = row_of(3, i);
    for (std::size_t s = 0; s < kSymbols; ++s) {
      rows.l[s] = sixteen_log2(rows.clustered.f[s]) - sixteen_log2(rows.even.f[s]);
    }
  }
  return all;
}

std::uint64_t rans_bits(std::uint64_t n, Coordinates set) {
  if (2 * set.size() > n) return rans_bits(n, others_of(set, n));
  if (set.size() < kFewest) return entropy_bits(n, set);

  static const std::array<Rows, kRows> all = all_rows();
  std::uint64_t plain = 0;
  std::vector<std::array<std::uint64_t, 2>> slots;  // f_s and c_s of each gap
  auto a = static_cast<std::int64_t>((n << 16) / set.size());
  std::int64_t c = 0;
  std::int64_t t = 0;
  std::int64_t l = 0;
  std::uint64_t e = 0;
  std::uint64_t h = 0;
  for (const std::uint64_t gap : gaps_of(set)) {
    if (slots.size() % 4 == 0) {
      a = std::max<std::int64_t>(a + rounded_down(a * t, 1 << 12), 1 << 16);
      c += l - rounded_down(c, 1 << 6);
      t = 0;
      l = 0;
      const auto scale = static_cast<std::uint64_t>(a);
      e = floor_log2(scale) - 16;
      h = scale >> (floor_log2(scale) - 2) & 3;
    }
    const std::uint64_t u = e < 2 ? 0 : e - 2;
    const Symbol symbol = symbol_of(gap >> u);
    plain += symbol.number == 28 ? 5 + floor_log2(gap) : u + floor_log2(symbol.units);
    const Rows& rows = all[e < 3 ? 4 * e + h : 12 + h];
    const Row& row = c > 0 ? rows.clustered : rows.even;
    t += row.t[symbol.number];
    l += rows.l[symbol.number];
    slots.push_back({row.f[symbol.number], row.c[symbol.number]});
  }

  // Backwards from 2^16: what a decoder undoes.
  std::array<std::uint64_t, 4> states;
  states.fill(std::uint64_t{1} << 16);
  std::uint64_t words = 0;
  for (std::size_t i = slots.size(); i-- > 0;) {
    const auto [f, begin] = slots[i];
    std::uint64_t& x = states[i % 4];
    if (x / f >= (std::uint64_t{1} << 32) / kSlots) {  // it would become 2^32 or more
      x >>= 16;
      ++words;
    }
    x = x / f * kSlots + x % f + begin;
  }
  return 4 * 32 + 16 * words + plain;
}

// Changes of a set.

struct Change {
  Members left;   // ranks within the previous set
  Members added;  // ranks outside it
};

Change change_between(Coordinates previous, Coordinates set) {
  return {.left = ranks_within(previous, only_in(previous, set)),
          .added = ranks_without(previous, only_in(set, previous))};
}

// The bits of r, which is min(k, d - k) at most.
std::uint64_t count_bits(std::uint64_t d, std::uint64_t k) {
  const std::uint64_t most = std::min(k, d - k);
  return most == 0 ? 0 : floor_log2(most) + 1;
}

std::uint64_t shortest_blocks(const LawConstants& law, std::uint64_t n, std::uint64_t members) {
  if (members == 0) return 0;
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (std::uint64_t b = 0; b <= 31; ++b) {
    least = std::min(least, position_law(law, n, members, std::uint64_t{1} << b).count());
  }
  return least;
}

}  // namespace

std::vector<std::uint32_t> ranks_within(Coordinates superset, Coordinates subset) {
  Members ranks;
  auto at = superset.begin();
  for (const std::uint32_t member : subset) {
    at = std::lower_bound(at, superset.end(), member);
    ranks.push_back(static_cast<std::uint32_t>(at - superset.begin()));
  }
  return ranks;
}

std::vector<std::uint32_t> ranks_without(Coordinates excluded, Coordinates set) {
  Members ranks = ranks_within(excluded, set);  // how many are excluded below each
  for (std::size_t i = 0; i < set.size(); ++i) ranks[i] = set[i] - ranks[i];
  return ranks;
}

comm::Bits law_of_set(const LawConstants& law, const CodeOfPositions& code, Coordinates set) {
  if (const auto exact =
          position_law_of_code(law, code.code, code.n, set.size(), code.block_size)) {
    return *exact;
  }
  switch (code.code) {
    case kRice:
      return comm::Bits(rice_bits(code.block_size, set));
    case kEntropy:
      return comm::Bits(entropy_bits(code.n, set));
    case kRans:
      return comm::Bits(rans_bits(code.n, set));
    default:
      throw std::invalid_argument("law_of_set: position_codec " + std::to_string(code.code));
  }
}

comm::Bits law_of_delta(const LawConstants& law, std::uint64_t d, Coordinates previous,
                        Coordinates set) {
  const std::uint64_t k = previous.size();
  const std::uint64_t r = only_in(set, previous).size();
  return comm::Bits(count_bits(d, k) + shortest_blocks(law, k, 2 * r <= k ? r : k - r) +
                    shortest_blocks(law, d - k, r));
}

comm::Bits law_of_change(const LawConstants& law, const CodeOfPositions& whole,
                         Coordinates previous, Coordinates set) {
  const std::uint64_t k = previous.size();
  const Change change = change_between(previous, set);
  std::uint64_t bits = count_bits(whole.n, k);
  if (!change.left.empty()) {
    bits += rans_bits(k, change.left) + rans_bits(whole.n - k, change.added);
  }
  return comm::Bits(1 + std::min(bits, law_of_set(law, whole, set).count()));
}

}  // namespace mvsgd::sim
