#include "sim/round/mask_history.hpp"

#include <algorithm>

namespace mvsgd::sim {

void add_dense_round(std::uint32_t t, LastSent& last) { std::ranges::fill(last, 2 * t); }

double add_mask(std::uint32_t t, std::span<const compress::Index> mask, LastSent& last) {
  if (mask.empty()) return 0;
  std::uint64_t rounds = 0;
  for (const compress::Index i : mask) {
    rounds += t - last[i] / 2;
    last[i] = 2 * t + 1;
  }
  return static_cast<double>(rounds) / static_cast<double>(mask.size());
}

std::vector<compress::Index> in_masks(const LastSent& last) {
  std::vector<compress::Index> all;
  for (compress::Index i = 0; i < last.size(); ++i) {
    if (last[i] % 2 == 1) all.push_back(i);
  }
  return all;
}

}  // namespace mvsgd::sim
