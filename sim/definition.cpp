#include "sim/definition.hpp"

#include <algorithm>
#include <numeric>

namespace mvsgd::sim {

Definition::Definition(std::vector<float> theta, std::uint32_t workers, std::size_t k)
    : theta_(std::move(theta)), e_(workers, std::vector<float>(theta_.size())), k_(k) {}

DefinedRound Definition::run(const Round& round, LocalUpdate& update) {
  const std::size_t d = theta_.size();
  const std::size_t workers = e_.size();
  DefinedRound defined;

  // Line 9: D_n = (theta^(H) - theta^(0)) + e_n, kept where e_n was.
  for (std::uint32_t n = 0; n < workers; ++n) {
    const LocalResult local = update.run(0, round, n, theta_, {});
    for (std::size_t i = 0; i < d; ++i) e_[n][i] = (local.theta[i] - theta_[i]) + e_[n][i];
  }

  // Lines 10 and 14, eq 9.
  std::vector<bool> kept(d, round.dense);
  if (!round.dense) {
    std::vector<std::uint32_t> votes(d);
    for (const auto& difference : e_) {
      defined.votes.push_back(compress::top_k_support_by_sorting(difference, k_));
      for (const compress::Index i : defined.votes.back()) ++votes[i];
    }
    std::vector<compress::Index> order(d);
    std::iota(order.begin(), order.end(), compress::Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](compress::Index i, compress::Index j) { return votes[i] > votes[j]; });
    order.resize(k_);
    std::sort(order.begin(), order.end());
    for (const compress::Index i : order) kept[i] = true;
    defined.mask = std::move(order);
  }

  // Eqs 4 and 8: the mean of whole vectors, then the mask; lines 7 and 22.
  defined.aggregate.assign(d, 0.0F);
  for (std::size_t i = 0; i < d; ++i) {
    float sum = e_[0][i];
    for (std::size_t n = 1; n < workers; ++n) sum += e_[n][i];
    if (!kept[i]) continue;
    defined.aggregate[i] = sum / static_cast<float>(workers);
    theta_[i] += defined.aggregate[i];
    for (auto& difference : e_) difference[i] -= difference[i];
  }
  return defined;
}

}  // namespace mvsgd::sim
