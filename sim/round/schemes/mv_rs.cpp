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
    if (!protocol.layers.empty()) {
      return compress::random_selection(votes, protocol.layers, settings.seed, round.t);
    }
    return compress::random_selection(votes, protocol.k, settings.seed, round.t);
  }

  void define(DefinitionRound& round) const override {
    round.vote_whole();
    round.send_under(round.in_each_part([&](const DefinedPart& part) {
      return compress::random_selection_by_scanning(
          std::span(round.defined().counts).subspan(part.begin, part.size), part.k,
          round.settings().seed, round.round().t, part.draws);
    }));
  }
};

}  // namespace

const Scheme& random_selection() {
  static const RandomSelection scheme;
  return scheme;
}

}  // namespace mvsgd::sim
