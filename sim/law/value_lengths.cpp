#include "sim/law/value_lengths.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace mvsgd::sim {
namespace {

using Numbers = std::vector<std::uint64_t>;

constexpr std::uint64_t kOneBit = 1 << 16;  // costs are in units of 2^-16 bits

std::uint64_t floor_log2(std::uint64_t x) {
  return static_cast<std::uint64_t>(std::bit_width(x)) - 1;
}

std::uint64_t sum_of(const Numbers& numbers) {
  std::uint64_t sum = 0;
  for (const std::uint64_t number : numbers) sum += number;
  return sum;
}

// M = 2^bits slots for levels that occur `counts` times.
Numbers frequencies(const Numbers& counts, std::uint64_t slots) {
  const std::uint64_t m = sum_of(counts);
  Numbers f(counts.size());
  for (std::size_t l = 0; l < f.size(); ++l) {
    if (counts[l] > 0) f[l] = std::max<std::uint64_t>((slots * counts[l] + m / 2) / m, 1);
  }
  for (std::uint64_t sum = sum_of(f); sum != slots;) {
    const bool grows = sum < slots;
    std::size_t best = f.size();
    for (std::size_t l = 0; l < f.size(); ++l) {
      if (!grows && f[l] < 2) continue;
      if (best == f.size()) {
        best = l;
        continue;
      }
      // Fractions count / (2 f + 1) or count / (2 f - 1) by their cross products.
      const std::uint64_t here = counts[l] * (grows ? 2 * f[best] + 1 : 2 * f[best] - 1);
      const std::uint64_t there = counts[best] * (grows ? 2 * f[l] + 1 : 2 * f[l] - 1);
      if (grows ? here > there : here < there) best = l;
    }
    grows ? ++f[best] : --f[best];
    grows ? ++sum : --sum;
  }
  return f;
}

std::uint64_t row_bits(const Numbers& f, std::uint64_t slots) {
  std::uint64_t bits = 0;
  std::uint64_t left = slots;
  for (std::size_t l = 0; l + 1 < f.size() && left > 0; ++l) {
    const std::uint64_t still_to_come = f.size() - l;
    const std::uint64_t r = left < still_to_come ? 0 : floor_log2(left / still_to_come);
    bits += (f[l] >> r) + 1 + r;
    left -= f[l];
  }
  return bits;
}

// log2 f in units of 2^-16, rounded down bit by bit.
std::uint64_t logarithm(std::uint64_t f) {
  const std::uint64_t e = floor_log2(f);
  std::uint64_t log = e;
  std::uint64_t y = f << (31 - e);
  for (int bit = 0; bit < 16; ++bit) {
    y = y * y >> 31;
    const bool is_one = y >= std::uint64_t{1} << 32;
    if (is_one) y /= 2;
    log = 2 * log + (is_one ? 1 : 0);
  }
  return log;
}

// What the values of a row cost, and the row.
std::uint64_t cost(const Numbers& counts, const Numbers& f, std::uint64_t slots) {
  std::uint64_t sum = row_bits(f, slots) * kOneBit;
  for (std::size_t l = 0; l < f.size(); ++l) {
    if (counts[l] > 0) sum += counts[l] * (floor_log2(slots) * kOneBit - logarithm(f[l]));
  }
  return sum;
}

// What a sender chooses.
struct Choice {
  std::uint64_t low_bits = 0;  // g
  std::vector<Numbers> rows;   // of frequencies; none: all stays plain
};

Choice choice_of(const std::array<Numbers, 2>& counts, std::uint64_t n, std::uint64_t q,
                 std::uint64_t slots, std::uint64_t states) {
  Choice choice;
  std::uint64_t least = n * (q - 1) * kOneBit;
  const auto take = [&](std::uint64_t g, const std::vector<Numbers>& of_rows) {
    std::uint64_t sum = (32 * states + n * g + (g > 0 ? 4 : 0)) * kOneBit;
    std::vector<Numbers> rows;
    for (const Numbers& of_row : of_rows) {
      rows.push_back(frequencies(of_row, slots));
      sum += cost(of_row, rows.back(), slots);
    }
    if (sum >= least) return;
    least = sum;
    choice = {.low_bits = g, .rows = rows};
  };
  const bool has_both = sum_of(counts[0]) > 0 && sum_of(counts[1]) > 0;
  for (std::uint64_t g = 0; g + 2 <= q; ++g) {
    const std::size_t levels = std::size_t{1} << (q - 1 - g);
    std::vector<Numbers> two(2, Numbers(levels));
    Numbers one(levels);
    for (std::size_t l = 0; l < counts[0].size(); ++l) {
      two[0][l >> g] += counts[0][l];
      two[1][l >> g] += counts[1][l];
      one[l >> g] += counts[0][l] + counts[1][l];
    }
    take(g, {one});
    if (has_both) take(g, two);
  }
  return choice;
}

}  // namespace

comm::Bits law_of_codes(std::span<const std::uint8_t> codes, std::uint64_t q,
                        std::span<const std::uint8_t> marked) {
  if (q < 2 || q > 8 || (!marked.empty() && marked.size() != codes.size())) {
    throw std::invalid_argument("law_of_codes: q = " + std::to_string(q) + ", " +
                                std::to_string(marked.size()) + " marks of " +
                                std::to_string(codes.size()) + " codes");
  }
  const std::uint64_t n = codes.size();
  const comm::Bits plain(2 + n * q);
  if (n == 0) return plain;
  const std::size_t levels = std::size_t{1} << (q - 1);
  std::array<Numbers, 2> counts{Numbers(levels), Numbers(levels)};
  const auto mark_of = [&](std::size_t i) { return marked.empty() ? 0U : marked[i]; };
  for (std::size_t i = 0; i < n; ++i) ++counts[mark_of(i)][codes[i] % levels];

  const std::uint64_t width = std::clamp<std::uint64_t>(floor_log2(n) + 1, 3 + 8, 3 + 11) - 3;
  const std::uint64_t slots = std::uint64_t{1} << width;
  const std::size_t states = n < 8192 ? 1 : 8;
  const Choice choice = choice_of(counts, n, q, slots, states);
  if (choice.rows.empty()) return plain;

  std::uint64_t bits = 2 + n + 32 * states;
  if (choice.low_bits > 0) bits += 4 + n * choice.low_bits;
  std::vector<Numbers> before;  // the sums of frequencies, by row
  for (const Numbers& row : choice.rows) {
    bits += row_bits(row, slots);
    before.emplace_back(row.size());
    for (std::size_t l = 1; l < row.size(); ++l)
      before.back()[l] = before.back()[l - 1] + row[l - 1];
  }
  // Backwards from 2^16: what a decoder undoes.
  std::vector<std::uint64_t> x(states, std::uint64_t{1} << 16);
  for (std::size_t i = n; i-- > 0;) {
    const std::size_t row = choice.rows.size() == 2 ? mark_of(i) : 0;
    const std::size_t level = codes[i] % levels >> choice.low_bits;
    const std::uint64_t f = choice.rows[row][level];
    std::uint64_t& state = x[i % states];
    if (state / f >= (std::uint64_t{1} << 32) / slots) {  // it would become 2^32 or more
      state >>= 16;
      bits += 16;
    }
    state = state / f * slots + state % f + before[row][level];
  }
  return std::min(comm::Bits(bits), plain);
}

}  // namespace mvsgd::sim
