#include "compress/vote/ties.hpp"

#include <algorithm>
#include <array>

#include "compress/vote/draws.hpp"
#include "compress/vote/mask_passes.hpp"

namespace mvsgd::compress {
namespace {

using Halves = std::array<std::uint32_t, kDraws>;

// Takes several counters at a time, so that their chains of multiplications overlap.
Halves next_halves(RandomWords& source) {
  Halves halves;
  for (std::size_t h = 0; h < kDraws;) {
    for (const std::uint64_t word : source.next()) {
      halves[h++] = static_cast<std::uint32_t>(word);
      halves[h++] = static_cast<std::uint32_t>(word >> 32);
    }
  }
  return halves;
}

struct Drawn {
  std::uint64_t enters = 0;
  unsigned count = 0;
};

// At most one draw a half: refused halves give none.
Drawn draw_each(const Halves& halves, Sampling& sampling) {
  auto& [wanted, left] = sampling;
  Drawn drawn;
  for (std::size_t h = 0; h < kDraws && left > 0; ++h) {
    const std::uint64_t product = std::uint64_t{halves[h]} * left;
    if (is_refused(product, left)) continue;
    const std::uint32_t enters = product >> 32 < wanted ? 1 : 0;
    drawn.enters |= std::uint64_t{enters} << drawn.count++;
    wanted -= enters;
    --left;
  }
  return drawn;
}

std::vector<std::uint64_t> draw_at_random(const TieBreak& tie, std::size_t wanted, std::size_t tied,
                                          Isa isa) {
  RandomWords source(tie.seed, Purpose::kTieBreak, tie.round, tie.part);
  Sampling sampling = {.wanted = static_cast<std::uint32_t>(wanted),
                       .left = static_cast<std::uint32_t>(tied)};
  std::vector<std::uint64_t> enters(tied / 64 + 3);
  with_mask_passes(isa, [&](auto passes) {
    for (std::size_t at = 0; sampling.left > 0;) {
      const Halves halves = next_halves(source);
      Drawn drawn = {.count = kDraws};
      if (!passes.draw(halves.data(), sampling, drawn.enters)) drawn = draw_each(halves, sampling);
      enters[at / 64] |= drawn.enters << at % 64;
      enters[at / 64 + 1] |= drawn.enters >> 1 >> (63 - at % 64);
      at += drawn.count;
    }
  });
  return enters;
}

}  // namespace

std::vector<std::uint64_t> draw_ties(const TieBreak& tie, std::size_t wanted, std::size_t tied,
                                     Isa isa) {
  if (tie.rule == TieBreak::Rule::random) return draw_at_random(tie, wanted, tied, isa);
  std::vector<std::uint64_t> enters(tied / 64 + 3);
  std::fill_n(enters.begin(), wanted / 64, ~std::uint64_t{0});
  enters[wanted / 64] = (std::uint64_t{1} << wanted % 64) - 1;
  return enters;
}

}  // namespace mvsgd::compress
