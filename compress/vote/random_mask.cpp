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

// Appends the mask of k of the d coordinates from `first` on.
void append_mask(std::size_t first, std::size_t d, std::size_t k, Draws draws,
                 std::vector<Index>& mask) {
  constexpr std::size_t kWord = 64;
  std::vector<std::uint64_t> taken((d + kWord - 1) / kWord);
  const auto take = [&](std::size_t i) {
    std::uint64_t& word = taken[i / kWord];
    const std::uint64_t bit = std::uint64_t{1} << (i % kWord);
    const bool is_new = (word & bit) == 0;
    word |= bit;
    return is_new;
  };
  for (std::size_t j = d - k; j < d; ++j) {
    if (!take(draws.below(static_cast<std::uint32_t>(j + 1)))) (void)take(j);
  }
  for (std::size_t w = 0; w < taken.size(); ++w) {
    for (std::uint64_t word = taken[w]; word != 0; word &= word - 1) {
      mask.push_back(static_cast<Index>(first + w * kWord) +
                     static_cast<Index>(std::countr_zero(word)));
    }
  }
}

}  // namespace

std::vector<Index> random_mask(std::size_t d, std::size_t k, std::uint64_t seed,
                               std::uint32_t round) {
  check_arguments(d, k);
  std::vector<Index> mask;
  mask.reserve(k);
  append_mask(0, d, k, Draws(seed, Purpose::kRandomMask, round), mask);
  return mask;
}

std::vector<Index> random_mask(std::span<const Layer> layers, std::uint64_t seed,
                               std::uint32_t round) {
  std::size_t d = 0;
  for (const Layer& layer : layers) d += layer.size;
  check_layers("random_mask", layers, d);
  std::vector<Index> mask;
  std::size_t first = 0;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const auto& [size, k] = layers[l];
    append_mask(first, size, k, Draws(seed, Purpose::kRandomMask, round, l + 1), mask);
    first += size;
  }
  return mask;
}

std::vector<Index> random_mask_by_sets(std::size_t d, std::size_t k, std::uint64_t seed,
                                       std::uint32_t round, std::uint64_t part) {
  check_arguments(d, k);
  Draws draws(seed, Purpose::kRandomMask, round, part);
  std::set<Index> mask;
  for (std::size_t j = d - k; j < d; ++j) {
    const auto last = static_cast<Index>(j);
    if (!mask.insert(draws.below(last + 1)).second) mask.insert(last);
  }
  return {mask.begin(), mask.end()};
}

}  // namespace mvsgd::compress
