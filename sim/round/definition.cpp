#include "sim/round/definition.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "compress/values/quantizers.hpp"
#include "compress/vote/add_drop.hpp"
#include "compress/vote/random_selection.hpp"

namespace mvsgd::sim {
namespace {

using compress::Index;

/// Eq 9: the k coordinates of most votes, ties to the lower index.
std::vector<Index> most_voted(std::span<const std::uint32_t> counts, std::size_t k) {
  std::vector<Index> order(counts.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index i, Index j) { return counts[i] > counts[j]; });
  order.resize(k);
  std::sort(order.begin(), order.end());
  return order;
}

/// Algorithm 2 line 15 as sets.
std::vector<Index> changed(std::span<const Index> vote, const compress::VoteChange& change) {
  std::set<Index> set(vote.begin(), vote.end());
  set.insert(change.add.begin(), change.add.end());
  for (const Index i : change.drop) set.erase(i);
  return {set.begin(), set.end()};
}

/// Eqs 17 and 18.
std::vector<float> quantised(const Settings& settings, const std::vector<float>& v) {
  if (settings.value_bits == 32) return v;
  std::vector<float> recovered(v.size());
  const auto quantizer = compress::make_quantizer(settings.value_bits, settings.quantizer_block);
  quantizer->recover(quantizer->quantize_by_definition(v), recovered);
  return recovered;
}

}  // namespace

Definition::Definition(const Settings& settings, std::vector<float> theta)
    : settings_(settings),
      protocol_(make_protocol(settings, theta.size())),
      theta_(std::move(theta)),
      e_(settings.workers, std::vector<float>(theta_.size())),
      votes_(settings.workers) {}

DefinedRound Definition::run(const Round& round, LocalUpdate& update) {
  const std::size_t d = theta_.size();
  const std::uint32_t workers = settings_.workers;
  const auto divisor =
      settings_.aggregation == Aggregation::mean ? static_cast<float>(workers) : 1.0F;
  DefinedRound defined;

  // Line 9: D_n = (theta^(H) - theta^(0)) + e_n, kept where e_n was.
  for (std::uint32_t n = 0; n < workers; ++n) {
    const LocalResult local = update.run(0, round, n, theta_, {});
    for (std::size_t i = 0; i < d; ++i) e_[n][i] = (local.theta[i] - theta_[i]) + e_[n][i];
  }
  const auto sum = [&](const std::vector<std::vector<float>>& vectors) {
    std::vector<float> total = vectors[0];
    for (std::uint32_t n = 1; n < workers; ++n) {
      for (std::size_t i = 0; i < d; ++i) total[i] += vectors[n][i];
    }
    for (float& x : total) x /= divisor;
    return total;
  };
  defined.mean = sum(e_);

  if (round.dense) {
    defined.aggregate = defined.mean;
    for (auto& e : e_) std::fill(e.begin(), e.end(), 0.0F);
  } else {
    vote(round, defined);
    defined.mask = choose_mask(round, defined);
    for (std::uint32_t n = 0; n < workers; ++n) {
      const auto& mask = settings_.scheme == Scheme::top_k ? defined.votes[n] : defined.mask;
      defined.sent.push_back(masked(e_[n], mask));
      // Line 22: e = D - what was sent, or D - M (x) D where quantisation is not fed back.
      for (const Index i : mask) {
        e_[n][i] -= settings_.quantization_error ? defined.sent[n][i] : e_[n][i];
      }
    }
    defined.aggregate = sum(defined.sent);
  }
  for (std::size_t i = 0; i < d; ++i) theta_[i] += defined.aggregate[i];  // line 5
  return defined;
}

/// Algorithm 1 line 10; Algorithm 2 lines 10-15.
void Definition::vote(const Round& round, DefinedRound& defined) {
  defined.counts.assign(theta_.size(), 0);
  for (std::uint32_t n = 0; n < settings_.workers; ++n) {
    auto vote = compress::top_k_support_by_sorting(e_[n], protocol_.k);
    if (!round.full_vote) {
      vote =
          changed(votes_[n], compress::add_drop_by_sorting(e_[n], vote, votes_[n], protocol_.k_ad));
    }
    for (const Index i : vote) ++defined.counts[i];
    votes_[n] = vote;
    defined.votes.push_back(std::move(vote));
  }
}

std::vector<Index> Definition::choose_mask(const Round& round, const DefinedRound& defined) const {
  switch (settings_.scheme) {
    case Scheme::top_k: {
      const auto voted = std::count_if(defined.counts.begin(), defined.counts.end(),
                                       [](std::uint32_t count) { return count > 0; });
      return most_voted(defined.counts, static_cast<std::size_t>(voted));
    }
    case Scheme::mv_rs:
      return compress::random_selection_by_scanning(defined.counts, protocol_.k, settings_.seed,
                                                    round.t);
    default:
      return most_voted(defined.counts, protocol_.k);
  }
}

/// Q(M (x) D) as a whole vector: what is quantised is the masked values, in increasing coordinate.
std::vector<float> Definition::masked(std::span<const float> difference,
                                      std::span<const Index> mask) const {
  std::vector<float> values;
  for (const Index i : mask) values.push_back(difference[i]);
  values = quantised(settings_, values);
  std::vector<float> whole(difference.size());
  for (std::size_t j = 0; j < mask.size(); ++j) whole[mask[j]] = values[j];
  return whole;
}

}  // namespace mvsgd::sim
