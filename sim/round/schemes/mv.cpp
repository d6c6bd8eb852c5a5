// SSGD-MV: Algorithm 1 with majority voting (eq 9).
#include "compress/vote/majority_vote.hpp"
#include "sim/round/schemes/voted.hpp"

namespace mvsgd::sim {
namespace {

class MajorityVoting final : public Voted {
 public:
  MajorityVoting() : Voted("mv", "SSGD-MV, eq 9") {}

  /// Section 4.2's practice: the error memory is in units of weights, and a decay makes steps
  /// smaller.
  [[nodiscard]] bool rescales_error(const Settings& /*settings*/) const override { return true; }

  [[nodiscard]] bool breaks_ties() const override { return true; }

  [[nodiscard]] std::vector<compress::Index> choose_mask(const compress::VoteTally& votes,
                                                         const Settings& settings,
                                                         const Protocol& protocol,
                                                         const Round& round) const override {
    const compress::TieBreak tie = tie_break(settings, round);
    if (protocol.layers.empty()) return compress::majority_mask(votes, protocol.k, tie);
    return compress::majority_mask(votes, protocol.layers, tie);
  }

  void define(DefinitionRound& round) const override {
    round.vote_whole();
    round.send_under(round.most_voted());
  }
};

}  // namespace

const Scheme& majority_voting() {
  static const MajorityVoting scheme;
  return scheme;
}

}  // namespace mvsgd::sim
