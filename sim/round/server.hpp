// The parameter server: the server's side of Algorithms 1 and 2, whatever the scheme.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "comm/transport.hpp"
#include "compress/select/index.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/leader.hpp"
#include "sim/round/mask_history.hpp"
#include "sim/round/protocol.hpp"
#include "sim/round/sparse_rounds.hpp"

namespace mvsgd::sim {

/// Called with the votes of each coordinate [d] in every round with votes, before the mask is sent.
using CountsObserver = std::function<void(const Round&, std::span<const std::uint32_t> counts)>;

/// What the server carries from one round to the next.
struct ServerState {
  std::vector<float> theta;           ///< theta_t, [d]
  std::vector<compress::Index> mask;  ///< supp M_t; empty at first
  std::vector<float> e{};             ///< what quantisation of aggregates lost, [d]; else empty
  LastSent last_sent{};               ///< with mask_metrics, [d]; else empty
  KeptArrays kept{};                  ///< of the scheme's server half
};

struct ServerContext {
  const Protocols& protocols;
  const Settings& settings;
  LeaderContext leader;
  CountsObserver on_counts;  ///< may be empty
};

/// The votes that a scheme has counted.
class VoteCount {
 public:
  VoteCount() = default;
  virtual ~VoteCount() = default;
  VoteCount(const VoteCount&) = delete;
  VoteCount& operator=(const VoteCount&) = delete;
  /// The number of votes for all of `mask`.
  [[nodiscard]] virtual std::uint64_t votes_for(std::span<const compress::Index> mask) const = 0;
  [[nodiscard]] virtual std::uint32_t voters() const = 0;  ///< workers whose votes are counted
  [[nodiscard]] virtual std::vector<std::uint32_t> counts() const = 0;  ///< [d]
};

/// One sparse round, as a scheme's server half sees it.
class ServerRound {
 public:
  /// `pauses` says whether the run pauses after this round.
  ServerRound(const ServerContext& context, comm::Transport& transport, ServerState& state,
              RoundRecord& record, std::function<bool()> pauses);

  [[nodiscard]] const Round& round() const { return record_->round; }
  [[nodiscard]] const Settings& settings() const { return context_->settings; }
  [[nodiscard]] const Protocol& protocol() const { return context_->protocols.of(record_->round); }
  [[nodiscard]] std::uint32_t workers() const { return transport_->workers(); }
  /// The workers that take part, increasing: those that send.
  [[nodiscard]] std::span<const std::uint32_t> participants() const { return participants_; }
  [[nodiscard]] ServerState& state() { return *state_; }
  [[nodiscard]] RoundSizes& sizes() { return record_->sizes; }

  /// Receives a worker's list. If the length of its code depends on the set, records the law's
  /// bits.
  [[nodiscard]] std::vector<compress::Index> receive_positions(
      std::uint32_t worker, comm::Kind kind, std::span<const compress::Index> previous = {});
  /// Receives a worker's values, as many as `values` holds. `vote` is the worker's own vote of this
  /// round; some of the values' coordinates are in it. If the length of the code depends on the
  /// values, records the law's bits.
  void receive_update(std::uint32_t worker, std::span<float> values,
                      std::span<const compress::Index> vote = {});

  /// Sends the mask to the workers. Records how well it agrees with the last mask, and with the
  /// votes if there are any.
  void publish_mask(std::vector<compress::Index> mask, const VoteCount* votes = nullptr);
  /// A worker's own vote of this round.
  using VoteOf = std::function<std::span<const compress::Index>(std::uint32_t worker)>;
  /// Receives the values under the mask of the workers that take part, and adds them in the order
  /// of the workers; or where these sum, hears of their sum. `vote_of` is empty if there are no
  /// votes.
  [[nodiscard]] std::vector<float> sum_updates(const VoteOf& vote_of = {});
  /// The sum [count] of the workers' ring, as its first tells it.
  [[nodiscard]] std::vector<float> hear_sum(std::size_t count);
  /// Divides the sum by how many take part unless the settings say otherwise, and sends it to all
  /// workers, or to those that are absent where the others have summed, once every absent one has
  /// begun the round.
  void publish_aggregate(std::span<float> sum);
  /// Does the same for a sum under the mask, quantised if the settings say so, then adds what the
  /// workers receive to theta.
  void step_under_mask(std::vector<float> sum);

 private:
  void take_mean(std::span<float> sum) const;
  /// Tells the workers whether the run pauses, when all have begun the round.
  void finish();
  /// Adds the server's error memory to the mean, sends its quantised values and keeps what they
  /// lose. `mean` becomes what is recovered of them.
  void publish_quantized(const compress::Quantizer& quantizer, std::span<float> mean);

  const ServerContext* context_;
  comm::Transport* transport_;
  ServerState* state_;
  RoundRecord* record_;
  std::function<bool()> pauses_;
  std::vector<std::uint32_t> participants_;
};

/// Decodes, counts, chooses, and aggregates in the order of the workers. It closes a round when
/// every worker has reported it. The workers compute the next round meanwhile, so nobody waits for
/// it. Before round 1 it sends the initial model.
class Server final : public Leader {
 public:
  Server(const ServerContext& context, comm::Transport& transport, ServerState state,
         std::span<const std::span<const compress::Index>> votes, std::size_t buffers);

  /// Hands over its state for the next round.
  [[nodiscard]] ServerState take();

 private:
  void begin() override;
  void lead(RoundRecord& record) override;
  [[nodiscard]] std::vector<float> statistics(const Round& round) override;
  [[nodiscard]] std::span<const float> theta() override { return state_.theta; }
  void collect(RoundRecord& record) override;
  void lead_dense(ServerRound& round);
  /// Forgets masks and votes, of which `round` has other numbers than the round before.
  void begin_anew(const Round& round);

  ServerContext context_;
  comm::Transport* transport_;
  ServerState state_;
  std::size_t buffers_;
  std::unique_ptr<ServerSide> side_;  ///< null if all rounds are dense
};

}  // namespace mvsgd::sim
