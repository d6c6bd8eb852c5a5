#include "sim/round/overlap.hpp"

#include <cstddef>

namespace mvsgd::sim {

double overlap(std::span<const compress::Index> a, std::span<const compress::Index> b) {
  std::size_t common = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    common += a[i] == b[j] ? 1 : 0;
    const bool advance_a = a[i] <= b[j];
    const bool advance_b = b[j] <= a[i];
    i += advance_a ? 1 : 0;
    j += advance_b ? 1 : 0;
  }
  return b.empty() ? 0 : static_cast<double>(common) / static_cast<double>(b.size());
}

}  // namespace mvsgd::sim
