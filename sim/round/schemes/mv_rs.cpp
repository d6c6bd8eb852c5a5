// SSGD-MV-RS: Algorithm 1 with random selection, line 15 instead of line 14.
#include "compress/vote/random_selection.hpp"
#include "sim/round/schemes/voted.hpp"

namespace mvsgd::sim {
namespace {

class RandomSelection final : public Voted {
 public:
  RandomSelection() : Voted("mv-rs", "random selection, Algorithm 1 line 15") {}

  [[nodiscard]] bool rescales_error(const Settings& /*settings*/) const override { return true; }

  [[nodiscard]] std::vector<compress::Index> choose_mask(const compress::VoteTally& votes,
                                                         const Settings& settings,
                                                         const Protocol& protocol,
                                                         const Round& round) const override {
    return compress::random_selection(votes, protocol.k, settings.seed, round.t);
  }

  void define(DefinitionRound& round) const override {
    round.vote_whole();
    round.send_under(compress::random_selection_by_scanning(
        round.defined().counts, round.protocol().k, round.settings().seed, round.round().t));
  }
};

}  // namespace

const Scheme& random_selection() {
  static const RandomSelection scheme;
  return scheme;
}

}  // namespace mvsgd::sim
