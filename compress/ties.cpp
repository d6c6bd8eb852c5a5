#include "compress/ties.hpp"

#include <algorithm>
#include <array>

#include "compress/draws.hpp"

namespace mvsgd::compress {
namespace {

constexpr std::size_t kHalves = 64;  // drawn at a time
using Halves = std::array<std::uint32_t, kHalves>;

// Several counters at a time, so that their chains of multiplications overlap.
Halves next_halves(RandomWords& source) {
  Halves halves;
  for (std::size_t h = 0; h < kHalves;) {
    for (const std::uint64_t word : source.next()) {
      halves[h++] = static_cast<std::uint32_t>(word);
      halves[h++] = static_cast<std::uint32_t>(word >> 32);
    }
  }
  return halves;
}

// Selection sampling: with `wanted` still to take of `left`, the next is taken if a number drawn
// from 0..left-1 is below `wanted`.
struct Sampling {
  std::uint32_t wanted;
  std::uint32_t left;
};

struct Drawn {
  std::uint64_t enters = 0;
  unsigned count = 0;
};

// One draw a half at most: the halves that are refused are not of any.
Drawn draw_each(const Halves& halves, Sampling& sampling) {
  auto& [wanted, left] = sampling;
  Drawn drawn;
  for (std::size_t h = 0; h < kHalves && left > 0; ++h) {
    const std::uint64_t product = std::uint64_t{halves[h]} * left;
    if (is_refused(product, left)) continue;
    const std::uint32_t enters = product >> 32 < wanted ? 1 : 0;
    drawn.enters |= std::uint64_t{enters} << drawn.count++;
    wanted -= enters;
    --left;
  }
  return drawn;
}

// The same, all at once, if that can be: if there are as many draws and no half is near a refusal.
bool draw_all(const Halves& halves, Sampling& sampling, Drawn& drawn) {
  if (sampling.left < kHalves) return false;
  std::array<std::uint32_t, kHalves> number;
  std::uint32_t refused = 0;
  for (std::uint32_t h = 0; h < kHalves; ++h) {
    const std::uint64_t product = std::uint64_t{halves[h]} * (sampling.left - h);
    number[h] = static_cast<std::uint32_t>(product >> 32);
    refused |= static_cast<std::uint32_t>(product) < sampling.left ? 1U : 0U;
  }
  if (refused != 0) return false;

  // Since `wanted` only falls, those that enter are among those that would at first.
  std::uint64_t may_enter = 0;
  for (unsigned h = 0; h < kHalves; ++h) {
    may_enter |= std::uint64_t{number[h] < sampling.wanted} << h;
  }
  drawn = {.enters = 0, .count = kHalves};
  for (; may_enter != 0; may_enter &= may_enter - 1) {
    if (number[static_cast<unsigned>(std::countr_zero(may_enter))] >= sampling.wanted) continue;
    drawn.enters |= may_enter & (0 - may_enter);
    --sampling.wanted;
  }
  sampling.left -= static_cast<std::uint32_t>(kHalves);
  return true;
}

}  // namespace

TieChoice::TieChoice(const TieBreak& tie, std::size_t wanted, std::size_t tied)
    : enters_(tied / 64 + 3) {
  if (tie.rule == TieBreak::Rule::random) {
    draw(tie, wanted, tied);
  } else {
    std::fill_n(enters_.begin(), wanted / 64, ~std::uint64_t{0});
    enters_[wanted / 64] = (std::uint64_t{1} << wanted % 64) - 1;
  }
}

void TieChoice::draw(const TieBreak& tie, std::size_t wanted, std::size_t tied) {
  RandomWords source(tie.seed, Purpose::kTieBreak, tie.round);
  Sampling sampling = {.wanted = static_cast<std::uint32_t>(wanted),
                       .left = static_cast<std::uint32_t>(tied)};
  for (std::size_t at = 0; sampling.left > 0;) {
    const Halves halves = next_halves(source);
    Drawn drawn;
    if (!draw_all(halves, sampling, drawn)) drawn = draw_each(halves, sampling);
    enters_[at / 64] |= drawn.enters << at % 64;
    enters_[at / 64 + 1] |= drawn.enters >> 1 >> (63 - at % 64);
    at += drawn.count;
  }
}

}  // namespace mvsgd::compress
