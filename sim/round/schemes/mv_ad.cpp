// SSGD-MV-AD: Algorithm 2, add-drop voting. A worker sends its first vote whole. Of each later vote
// it sends what it adds to the last vote and what it drops from it. The server keeps the sum of all
// votes (eq 16).
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "compress/select/layers.hpp"
#include "compress/vote/add_drop.hpp"
#include "compress/vote/vote_sum.hpp"
#include "sim/round/schemes/voted.hpp"

namespace mvsgd::sim {
namespace {

using comm::Kind;
using compress::Index;

constexpr const char* kVoteSum = "vote_sum";

/// The votes as M^sum counts them: the last ones of all workers, absent or not.
class SumCount final : public VoteCount {
 public:
  SumCount(const compress::VoteSum& sum, std::uint32_t workers) : sum_(&sum), workers_(workers) {}
  [[nodiscard]] std::uint64_t votes_for(std::span<const Index> mask) const override {
    return sum_->votes_for(mask);
  }
  [[nodiscard]] std::uint32_t voters() const override { return workers_; }
  [[nodiscard]] std::vector<std::uint32_t> counts() const override { return sum_->counts(); }

 private:
  const compress::VoteSum* sum_;
  std::uint32_t workers_;
};

class AddDropServer final : public ServerSide {
 public:
  AddDropServer(const Settings& settings, const Protocol& protocol)
      : adds_ranked_(settings.add_codec == AddCoding::rank),
        drops_ranked_(settings.drop_codec == DropCoding::rank),
        keeps_votes_(settings.check_votes || adds_ranked_ || drops_ranked_ ||
                     protocol.update.by_entropy),
        sum_(protocol.d, {.workers = protocol.workers,
                          .k = protocol.k,
                          .k_ad = protocol.k_ad,
                          .check_votes = keeps_votes_,
                          .layers = protocol.layers}) {}

  void lead(ServerRound& round) override {
    for (const std::uint32_t n : round.participants()) {
      round.round().first_sparse ? receive_vote(round, n) : receive_change(round, n);
    }
    const SumCount counted(sum_, round.workers());
    const compress::TieBreak tie = tie_break(round.settings(), round.round());
    round.publish_mask(round.protocol().layers.empty() ? sum_.majority_mask(round.protocol().k, tie)
                                                       : sum_.layers_majority_mask(tie),
                       &counted);
    round.step_under_mask(keeps_votes_
                              ? round.sum_updates([&](std::uint32_t n) { return sum_.vote(n); })
                              : round.sum_updates());
  }

  [[nodiscard]] KeptArrays keep() const override { return {{kVoteSum, sum_.counts()}}; }

  void take_votes(std::span<const std::span<const Index>> votes) override {
    for (std::uint32_t n = 0; n < votes.size(); ++n) {
      if (!votes[n].empty()) sum_.first(n, votes[n]);
    }
  }

  void restore(const KeptArrays& kept) override {
    if (kept.at(kVoteSum) != sum_.counts()) {
      throw std::invalid_argument("vote_sum is not the sum of the votes");
    }
  }

 private:
  void receive_vote(ServerRound& round, std::uint32_t n) {
    sum_.first(n, round.receive_positions(n, Kind::vote));
  }

  void receive_change(ServerRound& round, std::uint32_t n) {
    compress::VoteChange change;
    const std::span<const Index> none;
    change.add = round.receive_positions(n, Kind::add, adds_ranked_ ? sum_.vote(n) : none);
    change.drop = round.receive_positions(n, Kind::drop, drops_ranked_ ? sum_.vote(n) : none);
    sum_.change(n, change);
    round.sizes().changes.push_back(static_cast<std::uint32_t>(change.add.size()));
  }

  bool adds_ranked_;   ///< adds are ranks outside the sender's last vote
  bool drops_ranked_;  ///< drops are ranks in it
  bool keeps_votes_;
  compress::VoteSum sum_;
};

class AddDrop final : public Scheme, public SparseRounds {
 public:
  AddDrop() : Scheme("mv-ad", "add-drop voting, Algorithm 2") {}

  [[nodiscard]] const SparseRounds* sparse() const override { return this; }

  [[nodiscard]] RoundShape shape(const Settings& settings, const Dimensions& dimensions,
                                 const Round& round) const override {
    RoundShape shape = {mask_shape(settings, dimensions, round), update_shape(settings, dimensions),
                        aggregate_shape(settings, dimensions)};
    if (round.first_sparse) {
      shape.push_back(vote_shape(settings, dimensions, round));
      return shape;
    }
    MessageShape add{.way = comm::Direction::up,
                     .kind = Kind::add,
                     .least = 0,
                     .most = dimensions.k_ad,
                     .counted_by = CountedBy::worker,
                     .share = settings.phi_ad.to_double(),
                     .universe = dimensions.d,
                     .block = settings.phi_ad.rounded_reciprocal()};
    for (const auto& layer : dimensions.layers) {
      add.parts.push_back(
          {.size = layer.d, .universe = layer.k < layer.d ? layer.d : 0, .most = layer.k_ad});
    }
    MessageShape drop = add;
    drop.kind = Kind::drop;
    const std::uint64_t d = dimensions.d;
    const std::uint64_t k = dimensions.k;
    const std::uint64_t k_ad = std::max<std::uint64_t>(dimensions.k_ad, 1);  // 0: layers are whole
    const auto each_part = [&](MessageShape& list, const auto& universe_of) {
      for (std::size_t l = 0; l < list.parts.size(); ++l) {
        if (list.parts[l].universe > 0) {
          list.parts[l].universe = universe_of(dimensions.layers[l]);
        }
      }
    };
    if (settings.drop_codec == DropCoding::rank) {
      drop.universe = k;
      drop.block = (2 * k + k_ad) / (2 * k_ad);  // round(K / K_ad)
      drop.given = Given::last_vote;
      each_part(drop, [](const LayerDimensions& layer) { return layer.k; });
    }
    if (settings.add_codec == AddCoding::rank && k < d) {  // outside [0, d) there is nothing to add
      add.universe = d - k;
      add.block = std::max<std::uint64_t>((2 * (d - k) + k_ad) / (2 * k_ad), 1);
      add.given = Given::all_but_vote;
      each_part(add, [](const LayerDimensions& layer) { return layer.d - layer.k; });
    }
    shape.push_back(add);
    shape.push_back(drop);
    return shape;
  }

  /// The authors' code rescales for add-drop, but never with H > 1.
  [[nodiscard]] bool rescales_error(const Settings& settings) const override {
    return settings.practice == Practice::authors && settings.local_steps == 1;
  }

  [[nodiscard]] bool breaks_ties() const override { return true; }

  /// Algorithm 2 lines 12 to 14, in each layer if layers are chosen by themselves.
  static compress::VoteChange change_of(WorkerRound& round, std::span<const Index> top) {
    const std::span<const Index> last = round.state().vote;
    const Protocol& protocol = round.protocol();
    if (protocol.layers.empty()) return round.arrays().add_drop(top, last, protocol.k_ad);
    const auto tops = compress::by_layer(top, protocol.layers);
    const auto lasts = compress::by_layer(last, protocol.layers);
    compress::VoteChange all;
    for (std::size_t l = 0; l < tops.size(); ++l) {
      if (protocol.k_ads[l] == 0) continue;
      const auto change = round.arrays().add_drop(tops[l], lasts[l], protocol.k_ads[l]);
      all.add.insert(all.add.end(), change.add.begin(), change.add.end());
      all.drop.insert(all.drop.end(), change.drop.begin(), change.drop.end());
    }
    return all;
  }

  [[nodiscard]] Vote choose_vote(WorkerRound& round, const FlatView& theta_h) const override {
    Vote vote{.support = choose_top_k(round, theta_h), .change = {}};
    if (round.round().first_sparse) return vote;
    const std::vector<Index>& last = round.state().vote;
    vote.change = change_of(round, vote.support);
    vote.support = compress::changed_vote(last, *vote.change);
    return vote;
  }

  void exchange(WorkerRound& round, const Vote& vote) const override {
    if (vote.change) {
      round.send_positions(Kind::add, vote.change->add);
      round.send_positions(Kind::drop, vote.change->drop);
    } else {
      round.send_positions(Kind::vote, vote.support);
    }
    round.receive_mask();
    round.exchange_values(vote.support);
  }

  [[nodiscard]] std::unique_ptr<ServerSide> server(const Settings& settings,
                                                   const Protocol& protocol) const override {
    return std::make_unique<AddDropServer>(settings, protocol);
  }

  void define(DefinitionRound& round) const override {
    if (round.round().first_sparse) {
      round.vote_whole();
    } else {
      round.vote(
          [&](std::span<const float> difference, const std::vector<Index>& top,
              const std::vector<Index>& last) {
            return round.in_each_part([&](const DefinedPart& part) {
              const std::vector<Index> before = part.members(last);
              return DefinitionRound::changed(
                  before, compress::add_drop_by_sorting(difference.subspan(part.begin, part.size),
                                                        part.members(top), before, part.k_ad));
            });
          },
          AbsentVotes::stand);
    }
    round.send_under(round.most_voted());
  }
};

}  // namespace

const Scheme& add_drop_voting() {
  static const AddDrop scheme;
  return scheme;
}

}  // namespace mvsgd::sim
