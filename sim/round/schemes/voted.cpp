#include "sim/round/schemes/voted.hpp"

namespace mvsgd::sim {
namespace {

using comm::Kind;
using compress::Index;

class VotedServer final : public ServerSide {
 public:
  VotedServer(const Voted& scheme, const Settings& settings, std::size_t d)
      : scheme_(&scheme), receiver_(settings), votes_(d) {}

  void lead(ServerRound& round) override {
    std::vector<std::vector<Index>> supports(round.workers());  // empty of the absent
    for (const std::uint32_t n : round.participants()) supports[n] = receiver_.receive(round, n);
    votes_.count(supports);
    const TallyCount counted(votes_, round.participants().size());
    round.publish_mask(
        scheme_->choose_mask(votes_, round.settings(), round.protocol(), round.round()), &counted);
    round.step_under_mask(
        round.sum_updates([&](std::uint32_t n) { return std::span(supports[n]); }));
  }

  void take_votes(std::span<const std::span<const Index>> votes) override {
    receiver_.take_votes(votes);
  }

 private:
  const Voted* scheme_;
  VoteReceiver receiver_;
  compress::VoteTally votes_;
};

}  // namespace

std::vector<Index> choose_top_k(WorkerRound& round, const FlatView& theta_h) {
  const std::vector<compress::Layer>& layers = round.protocol().layers;
  if (!layers.empty()) {
    std::vector<float>& hints = round.state().layer_thresholds;
    compress::LayersTopK top = round.arrays().add_difference_layers_top_k(theta_h, layers, hints);
    hints = std::move(top.magnitudes);
    return std::move(top.support);
  }
  compress::TopK top =
      round.arrays().add_difference_top_k(theta_h, round.protocol().k, round.state().threshold);
  round.state().threshold = top.magnitude;
  return std::move(top.support);
}

std::vector<Index> VoteReceiver::receive(ServerRound& round, std::uint32_t worker) {
  std::vector<Index>& last = last_.at(worker);
  std::vector<Index> vote = round.receive_positions(worker, Kind::vote, last);
  if (keeps_) last = vote;
  return vote;
}

void VoteReceiver::take_votes(std::span<const std::span<const Index>> votes) {
  if (!keeps_) return;
  for (std::size_t n = 0; n < votes.size(); ++n) {
    last_.at(n).assign(votes[n].begin(), votes[n].end());
  }
}

std::vector<std::uint32_t> TallyCount::counts() const {
  std::vector<std::uint32_t> counts(tally_->dimension());
  for (std::size_t j = 0; j < tally_->voted().size(); ++j) {
    counts[tally_->voted()[j]] = tally_->counts()[j];
  }
  return counts;
}

compress::TieBreak tie_break(const Settings& settings, const Round& round) {
  const auto rule = settings.tie_break == TieBreaking::index ? compress::TieBreak::Rule::index
                                                             : compress::TieBreak::Rule::random;
  return {.rule = rule, .seed = settings.seed, .round = round.t};
}

RoundShape Voted::shape(const Settings& settings, const Dimensions& dimensions,
                        const Round& round) const {
  return {vote_shape(settings, dimensions, round), mask_shape(settings, dimensions, round),
          update_shape(settings, dimensions), aggregate_shape(settings, dimensions)};
}

Vote Voted::choose_vote(WorkerRound& round, const FlatView& theta_h) const {
  return {.support = choose_top_k(round, theta_h), .change = {}};
}

void Voted::exchange(WorkerRound& round, const Vote& vote) const {
  round.send_positions(Kind::vote, vote.support);
  round.receive_mask();
  round.exchange_values(vote.support);
}

std::unique_ptr<ServerSide> Voted::server(const Settings& settings,
                                          const Protocol& protocol) const {
  return std::make_unique<VotedServer>(*this, settings, protocol.d);
}

}  // namespace mvsgd::sim
