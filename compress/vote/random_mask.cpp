#include "compress/vote/random_mask.hpp"

#include <bit>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>

#include "compress/vote/draws.hpp"

namespace mvsgd::compress {
namespace {

void check_arguments(std::size_t d, std::size_t k) {
  if (k > d || d > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument("random_mask: k = " + std::to_string(k) +
                                " of d = " + std::to_string(d));
  }
}

}  // namespace

std::vector<Index> random_mask(std::size_t d, std::size_t k, std::uint64_t seed,
                               std::uint32_t round) {
  check_arguments(d, k);
  constexpr std::size_t kWord = 64;
  std::vector<std::uint64_t> taken((d + kWord - 1) / kWord);
  const auto take = [&](std::size_t i) {
    std::uint64_t& word = taken[i / kWord];
    const std::uint64_t bit = std::uint64_t{1} << (i % kWord);
    const bool is_new = (word & bit) == 0;
    word |= bit;
    return is_new;
  };
  Draws draws(seed, Purpose::kRandomMask, round);
  for (std::size_t j = d - k; j < d; ++j) {
    if (!take(draws.below(static_cast<std::uint32_t>(j + 1)))) (void)take(j);
  }
  std::vector<Index> mask;
  mask.reserve(k);
  for (std::size_t w = 0; w < taken.size(); ++w) {
    for (std::uint64_t word = taken[w]; word != 0; word &= word - 1) {
      mask.push_back(static_cast<Index>(w * kWord) + static_cast<Index>(std::countr_zero(word)));
    }
  }
  return mask;
}

std::vector<Index> random_mask_by_sets(std::size_t d, std::size_t k, std::uint64_t seed,
                                       std::uint32_t round) {
  check_arguments(d, k);
  Draws draws(seed, Purpose::kRandomMask, round);
  std::set<Index> mask;
  for (std::size_t j = d - k; j < d; ++j) {
    const auto last = static_cast<Index>(j);
    if (!mask.insert(draws.below(last + 1)).second) mask.insert(last);
  }
  return {mask.begin(), mask.end()};
}

}  // namespace mvsgd::compress
