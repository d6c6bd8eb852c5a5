#include "sim/round/definition.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "compress/select/top_k.hpp"
#include "compress/values/quantizers.hpp"
#include "sim/plan/participation.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/defined_ties.hpp"
#include "sim/round/sparse_rounds.hpp"

namespace mvsgd::sim {
namespace {

using compress::Index;

/// v as quantised to q bits by eq 17 or 18 and decoded again.
std::vector<float> quantised(const Settings& settings, unsigned q, const std::vector<float>& v) {
  if (q == 32) return v;
  std::vector<float> recovered(v.size());
  const auto quantizer =
      compress::quantizer_for(settings.quantizer, q).make(q, settings.quantizer_block);
  quantizer->recover(quantizer->quantize_by_definition(v), recovered);
  return recovered;
}

/// Q(M (x) D) as a whole vector. The masked values are quantised in the order of their coordinates.
std::vector<float> masked(const Settings& settings, unsigned q, std::span<const float> difference,
                          std::span<const Index> mask) {
  std::vector<float> values;
  for (const Index i : mask) values.push_back(difference[i]);
  values = quantised(settings, q, values);
  std::vector<float> whole(difference.size());
  for (std::size_t j = 0; j < mask.size(); ++j) whole[mask[j]] = values[j];
  return whole;
}

/// Eq 8 without the server: the workers in `taking` sum in a ring, at the coordinates `at`. The n
/// of these are cut into as many blocks as there are workers, block b being those from floor(b n /
/// P) to floor((b + 1) n / P). Block b goes around from worker b of the ring on: each adds its own.
std::vector<float> ring_sum(const std::vector<std::vector<float>>& vectors,
                            const std::vector<std::uint32_t>& taking, std::span<const Index> at) {
  const std::size_t workers = taking.size();
  const std::size_t n = at.size();
  std::vector<float> total(vectors[taking.front()].size());
  for (std::size_t b = 0; b < workers; ++b) {
    for (std::size_t j = b * n / workers; j < (b + 1) * n / workers; ++j) {
      float& sum = total[at[j]];
      sum = vectors[taking[b]][at[j]];
      for (std::size_t s = 1; s < workers; ++s) sum += vectors[taking[(b + s) % workers]][at[j]];
    }
  }
  return total;
}

std::vector<Index> all_below(std::size_t d) {
  std::vector<Index> all(d);
  for (std::size_t i = 0; i < d; ++i) all[i] = static_cast<Index>(i);
  return all;
}

}  // namespace

std::vector<Index> DefinedPart::members(const std::vector<Index>& set) const {
  std::vector<Index> mine;
  for (const Index i : set) {
    if (i >= begin && i < begin + size) mine.push_back(i - static_cast<Index>(begin));
  }
  return mine;
}

std::vector<DefinedPart> DefinitionRound::parts() const {
  const Protocol& protocol = *protocol_;
  if (settings_->selection == Selection::global) {
    return {{.size = protocol.d, .k = protocol.k, .k_ad = protocol.k_ad}};
  }
  std::vector<DefinedPart> parts;
  std::size_t begin = 0;
  for (std::uint32_t l = 0; l < protocol.layers.size(); ++l) {
    const auto& [size, k] = protocol.layers[l];
    parts.push_back({.begin = begin,
                     .size = size,
                     .k = static_cast<std::uint32_t>(k),
                     .k_ad = protocol.k_ads[l],
                     .draws = l + 1});
    begin += size;
  }
  return parts;
}

void DefinitionRound::vote(const ChooseVote& choose, AbsentVotes absent) {
  defined_->votes.assign(differences_.size(), {});
  if (absent == AbsentVotes::stand) defined_->votes = *votes_;
  for (const std::uint32_t n : defined_->participants) {
    const std::span<const float> difference = differences_[n];
    const auto top = in_each_part([&](const DefinedPart& part) {
      return compress::top_k_support_by_sorting(difference.subspan(part.begin, part.size), part.k);
    });
    std::vector<Index>& last = (*votes_)[n];
    last = choose(difference, top, last);
    defined_->votes[n] = last;
  }
  defined_->counts.assign(protocol_->d, 0);
  for (const std::vector<Index>& vote : defined_->votes) {
    for (const Index i : vote) ++defined_->counts[i];
  }
}

void DefinitionRound::vote_whole() {
  vote([](std::span<const float>, const std::vector<Index>& top, const std::vector<Index>&) {
    return top;
  });
}

std::vector<Index> DefinitionRound::changed(const std::vector<Index>& vote,
                                            const compress::VoteChange& change) {
  std::set<Index> set(vote.begin(), vote.end());
  set.insert(change.add.begin(), change.add.end());
  for (const Index i : change.drop) set.erase(i);
  return {set.begin(), set.end()};
}

std::vector<Index> DefinitionRound::most_voted() const {
  return in_each_part([&](const DefinedPart& part) {
    const auto counts = std::span(defined_->counts).subspan(part.begin, part.size);
    std::vector<std::uint32_t> order(counts.begin(), counts.end());
    std::sort(order.begin(), order.end(), std::greater<>());
    const std::uint32_t last = order[part.k - 1];  // votes of the last coordinate that enters
    std::vector<Index> mask;
    std::vector<Index> tied;
    for (Index i = 0; i < counts.size(); ++i) {
      if (counts[i] > last) mask.push_back(i);
      if (counts[i] == last) tied.push_back(i);
    }
    const std::vector<bool> enters = defined_ties(settings_->tie_break, settings_->seed, round_->t,
                                                  part.k - mask.size(), tied.size(), part.draws);
    for (std::size_t j = 0; j < tied.size(); ++j) {
      if (enters[j]) mask.push_back(tied[j]);
    }
    std::sort(mask.begin(), mask.end());
    return mask;
  });
}

void DefinitionRound::send_under(std::vector<Index> mask) {
  defined_->sent_at.assign(differences_.size(), {});
  for (const std::uint32_t n : defined_->participants) defined_->sent_at[n] = mask;
  defined_->mask = std::move(mask);
}

void DefinitionRound::send_own_votes(std::vector<Index> mask) {
  defined_->sent_at = defined_->votes;
  defined_->mask = std::move(mask);
}

Definition::Definition(const Settings& settings, std::vector<float> theta,
                       std::optional<Layers> layers)
    : settings_(settings),
      layers_(layers ? std::move(*layers) : Layers(theta.size())),
      theta_(std::move(theta)),
      e_(settings.workers, std::vector<float>(theta_.size())),
      server_e_(theta_.size()),
      velocity_(settings.workers, std::vector<float>(settings.has_velocity() ? theta_.size() : 0)),
      votes_(settings.workers) {}

DefinedRound Definition::run(const Round& round, LocalUpdate& update) {
  const std::size_t d = theta_.size();
  DefinedRound defined;
  defined.participants = participants(settings_, round);
  const std::vector<std::uint32_t>& taking = defined.participants;
  const auto divisor =
      settings_.aggregation == Aggregation::mean ? static_cast<float>(taking.size()) : 1.0F;

  // The error memory is in units of weights, so a decay of the learning rate scales it, too.
  if (settings_.error_rescale_on_decay()) {
    for (auto& e : e_) {
      for (float& x : e) x *= round.decay;
    }
  }
  for (const std::uint32_t n : taking) {
    // Line 9: D_n = (theta^(H) - theta^(0)) + e_n, kept where e_n was. With momentum each of the H
    // local steps moves theta by the velocity, which begins where the last round has left it. So e
    // gathers velocities before the support is chosen: the momentum correction of Lin et al. (2018,
    // section 3.2), whose V is -e / eta where H = 1 and eta stays.
    const LocalResult local = update.run(0, round, n, theta_, {.velocity = velocity_[n]});
    const std::span<const float> theta_h = local.theta.host();
    for (std::size_t i = 0; i < d; ++i) e_[n][i] = (theta_h[i] - theta_[i]) + e_[n][i];
  }
  const auto mean = [&](std::vector<float> total) {
    for (float& x : total) x /= divisor;
    return total;
  };
  const auto sum = [&](const std::vector<std::vector<float>>& vectors) {
    std::vector<float> total = vectors[taking.front()];
    for (const std::uint32_t n : std::span(taking).subspan(1)) {
      for (std::size_t i = 0; i < d; ++i) total[i] += vectors[n][i];
    }
    return total;
  };
  defined.mean = mean(sum(e_));

  if (round.dense) {
    defined.aggregate =
        settings_.reduces() ? mean(ring_sum(e_, taking, all_below(d))) : defined.mean;
    for (const std::uint32_t n : taking) std::ranges::fill(e_[n], 0.0F);
  } else {
    // On a stair of the warm-up phi is 4^-stair. All else is as in other sparse rounds; e goes on.
    const Settings own = settings_in(settings_, round);
    const Protocol protocol = make_protocol(own, layers_, round.absent);
    DefinitionRound sparse(own, protocol, round, e_, votes_, defined);
    settings_.scheme->sparse()->define(sparse);
    defined.sent.resize(settings_.workers);
    for (const std::uint32_t n : taking) {
      defined.sent[n] = masked(settings_, settings_.value_bits, e_[n], defined.sent_at[n]);
      // Line 22: e = D - what was sent; or D - M (x) D if quantisation is not fed back.
      for (const Index i : defined.sent_at[n]) {
        e_[n][i] -= settings_.quantization_error ? defined.sent[n][i] : e_[n][i];
      }
      // DGC's factor masking: what was sent does not go on to move.
      if (settings_.momentum_correction) {
        for (const Index i : defined.sent_at[n]) velocity_[n][i] = 0;
      }
      if (!settings_.error_memory) std::ranges::fill(e_[n], 0.0F);
    }
    defined.aggregate = mean(settings_.reduces() ? ring_sum(defined.sent, taking, defined.mask)
                                                 : sum(defined.sent));
    // Two-way quantisation: the server sends Q(M (x) E), E being the mean and what it did not send
    // before, and keeps the rest as the workers do.
    if (settings_.aggregate_bits < 32) {
      for (float& x : server_e_) {
        if (settings_.error_rescale_on_decay()) x *= round.decay;
      }
      for (std::size_t i = 0; i < d; ++i) server_e_[i] += defined.aggregate[i];
      defined.aggregate = masked(settings_, settings_.aggregate_bits, server_e_, defined.mask);
      for (const Index i : defined.mask) {
        server_e_[i] -= settings_.quantization_error ? defined.aggregate[i] : server_e_[i];
      }
    }
  }
  for (std::size_t i = 0; i < d; ++i) theta_[i] += defined.aggregate[i];  // line 5
  return defined;
}

}  // namespace mvsgd::sim
