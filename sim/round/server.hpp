// The parameter server: Algorithms 1 and 2 and the top-K baseline, the server side.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comm/ledger.hpp"
#include "comm/transport.hpp"
#include "compress/vote/vote_sum.hpp"
#include "compress/vote/vote_tally.hpp"
#include "sim/law/round_sizes.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/round/evaluation.hpp"
#include "sim/round/protocol.hpp"
#include "sim/round/telemetry.hpp"

namespace mvsgd::sim {

/// What the server knows of a round when it is closed.
struct RoundRecord {
  Round round;
  std::vector<comm::LedgerRow> ledger;
  RoundSizes sizes;                      ///< of what was decoded
  std::optional<double> mask_overlap;    ///< |M_t and M_{t-1}| / |M_t|; none in dense rounds
  std::optional<double> vote_agreement;  ///< mean over the mask of votes / N
  std::vector<compress::Index> mask;     ///< supp M_t; kept of a sparse round that is evaluated
  std::optional<Evaluation> evaluation;
  WorkerReport report;  ///< all workers'; its phases have the server's time too, evaluation apart
};

using Evaluate =
    std::function<Evaluation(std::span<const float> theta, std::span<const float> buffers)>;

/// Sees how many votes each coordinate has [d], in every sparse round, before the mask is sent.
using CountsObserver = std::function<void(const Round&, std::span<const std::uint32_t> counts)>;

/// Whether a run should pause after this round.
using PauseAfter = std::function<bool(const Round&)>;

/// What the server carries from one round to the next.
struct ServerState {
  std::vector<float> theta;                     ///< theta_t, [d]
  std::vector<compress::Index> mask;            ///< supp M_t; none at first
  std::optional<compress::VoteSum> vote_sum{};  ///< M^sum of eq 16; mv_ad alone
};

/// The sum of no votes yet.
[[nodiscard]] compress::VoteSum make_vote_sum(const Settings& settings, const Protocol& protocol);

struct ServerContext {
  const Protocol& protocol;
  const Settings& settings;
  std::span<const Round> rounds;                      ///< those to run
  PauseAfter pause_after;                             ///< may be empty: never; asked once a round
  Evaluate evaluate;                                  ///< may be empty: no evaluations
  std::function<void(const RoundRecord&)> on_closed;  ///< called once a round, in order
  CountsObserver on_counts;                           ///< may be empty
};

/// Decodes, counts, chooses, aggregates in worker order 0..N-1, and closes each round when every
/// worker has reported it: after the next round's first messages, so that nobody waits for it.
class Server {
 public:
  Server(const ServerContext& context, comm::Transport& transport, ServerState state,
         std::size_t buffers);

  /// Leads every round until the pause; before round 1 it sends the initial model. Returns the last
  /// round, which is closed as all are.
  std::uint32_t run();

  /// What it carries on, which it no longer has.
  [[nodiscard]] ServerState take() { return std::move(state_); }

 private:
  void lead(const Round& round);
  void lead_dense(const Round& round);
  void lead_voted(const Round& round);  ///< mv, mv_rs, mv_ad
  void lead_top_k(const Round& round);
  [[nodiscard]] RoundSizes receive_votes(const Round& round);
  [[nodiscard]] RoundSizes receive_changes(const Round& round);
  [[nodiscard]] std::vector<compress::Index> choose_mask(const Round& round) const;
  /// Receives positions; of a code whose length depends on the set, notes what the set costs.
  [[nodiscard]] std::vector<compress::Index> receive(
      const Round& round, std::uint32_t worker, comm::Kind kind, RoundSizes& sizes,
      std::span<const compress::Index> previous = {}) const;
  /// The votes of `mask` in all, whichever scheme counts them.
  [[nodiscard]] std::uint64_t votes_for(std::span<const compress::Index> mask) const;
  [[nodiscard]] std::vector<std::uint32_t> counts() const;  ///< [d]
  /// Tells the workers the mask, and the record what it has in common with votes and the last one.
  void publish_mask(const Round& round, std::vector<compress::Index> mask);
  void publish_aggregate(const Round& round, std::vector<float>& sum);
  void open(const Round& round, RoundSizes sizes = {});
  void close();  ///< what is open
  void broadcast(const comm::Message& message);
  /// The sum in worker order 0..N-1 of what `receive(n, values)` fills.
  template <typename Receive>
  void sum_up(std::vector<float>& sum, const Receive& receive) const;
  std::vector<float> receive_buffers(const Round& round);  ///< their mean; zeros if none are sent

  ServerContext context_;
  comm::Transport* transport_;
  ServerState state_;
  std::size_t buffers_;
  std::optional<compress::VoteTally> votes_;  ///< this round's; none in mv_ad
  std::vector<float> dense_sum_;              ///< zeros between rounds, [d]; top_k alone
  std::optional<RoundRecord> open_;           ///< of the round that is not closed yet
  bool pauses_ = false;                       ///< after the round that is open
};

}  // namespace mvsgd::sim
