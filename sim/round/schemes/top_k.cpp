// The baseline of eqs 6 and 7: each worker sends its own K values and their positions. The
// aggregate comes back on the union of the workers' supports.
#include <algorithm>

#include "compress/select/error_memory.hpp"
#include "sim/round/schemes/voted.hpp"

namespace mvsgd::sim {
namespace {

using comm::Kind;
using compress::Index;

class TopKServer final : public ServerSide {
 public:
  TopKServer(const Settings& settings, std::size_t d)
      : receiver_(settings), votes_(d), dense_sum_(d) {}

  void lead(ServerRound& round) override {
    std::vector<std::vector<Index>> supports(round.workers());  // empty of the absent, as is below
    std::vector<std::vector<float>> values(round.workers());
    for (const std::uint32_t n : round.participants()) {
      supports[n] = receiver_.receive(round, n);
      values[n].resize(supports[n].size());
      round.receive_update(n, values[n]);
    }
    votes_.count(supports);
    std::vector<Index> all(votes_.voted().begin(), votes_.voted().end());
    round.sizes().union_size = static_cast<std::uint32_t>(all.size());
    const TallyCount counted(votes_, round.participants().size());
    round.publish_mask(std::move(all), &counted);

    for (const std::uint32_t n : round.participants()) {
      compress::scatter_add(supports[n], values[n], dense_sum_);
    }
    const std::vector<Index>& mask = round.state().mask;
    std::vector<float> sum(mask.size());
    compress::gather(dense_sum_, mask, sum);
    for (const Index i : mask) dense_sum_[i] = 0;
    round.step_under_mask(std::move(sum));
  }

  void take_votes(std::span<const std::span<const Index>> votes) override {
    receiver_.take_votes(votes);
  }

 private:
  VoteReceiver receiver_;
  compress::VoteTally votes_;
  std::vector<float> dense_sum_;  ///< all zero between rounds, [d]
};

class OwnTopK final : public Scheme, public SparseRounds {
 public:
  OwnTopK() : Scheme("top-k", "each worker's own top-K, eq 6") {}

  [[nodiscard]] const SparseRounds* sparse() const override { return this; }

  [[nodiscard]] RoundShape shape(const Settings& settings, const Dimensions& dimensions,
                                 const Round& round) const override {
    MessageShape mask = mask_shape(settings, dimensions, round);
    const std::uint32_t supports = settings.workers - round.absent;
    mask.most = std::min(dimensions.d, supports * dimensions.k);
    if (!mask.parts.empty()) {
      mask.most = 0;
      for (ListPart& part : mask.parts) {
        part.most = std::min(part.size, supports * part.most);
        mask.most += part.most;
      }
    }
    mask.counted_by = CountedBy::supports;
    mask.share *= supports;
    if (settings.block_size == 0) mask.block = settings.phi.rounded_reciprocal(supports);
    MessageShape aggregate = aggregate_shape(settings, dimensions);
    aggregate.most = mask.most;
    aggregate.counted_by = CountedBy::supports;
    aggregate.share = mask.share;
    aggregate.by_entropy = false;  // so that its bits tell the size of the union
    return {vote_shape(settings, dimensions, round), update_shape(settings, dimensions), mask,
            aggregate};
  }

  [[nodiscard]] Vote choose_vote(WorkerRound& round, const FlatView& theta_h) const override {
    return {.support = choose_top_k(round, theta_h), .change = {}};
  }

  void exchange(WorkerRound& round, const Vote& vote) const override {
    round.send_positions(Kind::vote, vote.support);
    round.send_update(vote.support);
    round.receive_mask();
    round.receive_aggregate();
  }

  [[nodiscard]] std::unique_ptr<ServerSide> server(const Settings& settings,
                                                   const Protocol& protocol) const override {
    return std::make_unique<TopKServer>(settings, protocol.d);
  }

  void define(DefinitionRound& round) const override {
    round.vote_whole();
    const auto& counts = round.defined().counts;
    std::vector<Index> all;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] > 0) all.push_back(static_cast<Index>(i));
    }
    round.send_own_votes(std::move(all));
  }
};

}  // namespace

const Scheme& own_top_k() {
  static const OwnTopK scheme;
  return scheme;
}

}  // namespace mvsgd::sim
