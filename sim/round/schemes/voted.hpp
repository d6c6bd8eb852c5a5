// The common part of the schemes in which workers send whole votes and the server chooses the mask
// from their tally.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "compress/vote/majority_vote.hpp"
#include "compress/vote/vote_tally.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/server.hpp"
#include "sim/round/sparse_rounds.hpp"
#include "sim/round/worker.hpp"

namespace mvsgd::sim {

/// Algorithm 1, lines 9 and 10: computes D and the support of its K largest magnitudes.
[[nodiscard]] std::vector<compress::Index> choose_top_k(WorkerRound& round,
                                                        const FlatView& theta_h);

/// Algorithm 1 without lines 14 and 15, which choose the mask: the vote goes up, the mask comes
/// down, and then values under the mask go both ways.
class Voted : public Scheme, public SparseRounds {
 public:
  using Scheme::Scheme;

  [[nodiscard]] const SparseRounds* sparse() const override { return this; }
  [[nodiscard]] RoundShape shape(const Settings& settings, const Dimensions& dimensions,
                                 const Round& round) const override;
  [[nodiscard]] Vote choose_vote(WorkerRound& round, const FlatView& theta_h) const override;
  void exchange(WorkerRound& round, const Vote& vote) const override;
  [[nodiscard]] std::unique_ptr<ServerSide> server(const Settings& settings,
                                                   const Protocol& protocol) const override;

  /// Chooses K of the coordinates that have a vote. Increasing.
  [[nodiscard]] virtual std::vector<compress::Index> choose_mask(const compress::VoteTally& votes,
                                                                 const Settings& settings,
                                                                 const Protocol& protocol,
                                                                 const Round& round) const = 0;
};

/// Receives whole votes. Keeps them if the next ones are sent as their changes.
class VoteReceiver {
 public:
  explicit VoteReceiver(const Settings& settings)
      : keeps_(settings.vote_codec == VoteCoding::delta), last_(settings.workers) {}

  [[nodiscard]] std::vector<compress::Index> receive(ServerRound& round, std::uint32_t worker);
  /// ServerSide::take_votes().
  void take_votes(std::span<const std::span<const compress::Index>> votes);

 private:
  bool keeps_;
  std::vector<std::vector<compress::Index>> last_;  ///< [N]
};

/// The votes as a tally counts them.
class TallyCount final : public VoteCount {
 public:
  TallyCount(const compress::VoteTally& tally, std::size_t voters)
      : tally_(&tally), voters_(static_cast<std::uint32_t>(voters)) {}
  [[nodiscard]] std::uint64_t votes_for(std::span<const compress::Index> mask) const override {
    return tally_->votes_for(mask);
  }
  [[nodiscard]] std::uint32_t voters() const override { return voters_; }
  [[nodiscard]] std::vector<std::uint32_t> counts() const override;

 private:
  const compress::VoteTally* tally_;
  std::uint32_t voters_;
};

/// The settings' rule for breaking ties, for round t.
[[nodiscard]] compress::TieBreak tie_break(const Settings& settings, const Round& round);

}  // namespace mvsgd::sim
