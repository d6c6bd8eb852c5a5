// The baseline that a vote must beat: the server draws K coordinates, the same for all workers,
// whatever their differences. Nobody votes, and positions cost bits only on the way down.
#include <utility>
#include <vector>

#include "compress/vote/random_mask.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/server.hpp"
#include "sim/round/sparse_rounds.hpp"
#include "sim/round/worker.hpp"

namespace mvsgd::sim {
namespace {

class RandomKServer final : public ServerSide {
 public:
  void lead(ServerRound& round) override {
    const Protocol& protocol = round.protocol();
    const std::uint64_t seed = round.settings().seed;
    const std::uint32_t t = round.round().t;
    round.publish_mask(protocol.layers.empty()
                           ? compress::random_mask(protocol.d, protocol.k, seed, t)
                           : compress::random_mask(protocol.layers, seed, t));
    std::vector<float> sum = round.sum_updates();
    round.step_under_mask(std::move(sum));
  }
};

class RandomK final : public Scheme, public SparseRounds {
 public:
  RandomK() : Scheme("rand-k", "K coordinates that the server draws, without a vote") {}

  [[nodiscard]] const SparseRounds* sparse() const override { return this; }

  [[nodiscard]] RoundShape shape(const Settings& settings, const Dimensions& dimensions,
                                 const Round& round) const override {
    return {mask_shape(settings, dimensions, round), update_shape(settings, dimensions),
            aggregate_shape(settings, dimensions)};
  }

  [[nodiscard]] bool rescales_error(const Settings& /*settings*/) const override { return true; }

  [[nodiscard]] Vote choose_vote(WorkerRound& round, const FlatView& theta_h) const override {
    round.arrays().add_difference(theta_h);
    return {};
  }

  void exchange(WorkerRound& round, const Vote& /*vote*/) const override {
    round.receive_mask();
    round.exchange_values();
  }

  [[nodiscard]] std::unique_ptr<ServerSide> server(const Settings& /*settings*/,
                                                   const Protocol& /*protocol*/) const override {
    return std::make_unique<RandomKServer>();
  }

  void define(DefinitionRound& round) const override {
    round.send_under(round.in_each_part([&](const DefinedPart& part) {
      return compress::random_mask_by_sets(part.size, part.k, round.settings().seed,
                                           round.round().t, part.draws);
    }));
  }
};

}  // namespace

const Scheme& random_k() {
  static const RandomK scheme;
  return scheme;
}

}  // namespace mvsgd::sim
