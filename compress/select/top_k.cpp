#include "compress/select/top_k.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "compress/select/top_k_selection.hpp"

namespace mvsgd::compress {

TopK top_k_support(std::span<const float> x, std::size_t k, const TopKOptions& options) {
  return select("top_k_support", Plain{.x = x.data()}, x.size(), k, options);
}

std::vector<Index> top_k_support(std::span<const float> x, std::size_t k) {
  return top_k_support(x, k, TopKOptions{}).support;
}

std::vector<Index> top_k_support_by_sorting(std::span<const float> x, std::size_t k) {
  check_top_k("top_k_support", x.size(), k);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) throw_not_finite("top_k_support", i, x[i]);
  }
  std::vector<Index> order(x.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index i, Index j) { return std::fabs(x[i]) > std::fabs(x[j]); });
  order.resize(k);
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace mvsgd::compress
