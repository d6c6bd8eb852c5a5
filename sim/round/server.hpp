// The parameter server: Algorithms 1 and 2, the server side, whatever the scheme.
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
#include "sim/round/protocol.hpp"
#include "sim/round/sparse_rounds.hpp"

namespace mvsgd::sim {

/// Sees how many votes each coordinate has [d], in every round with votes, before the mask is sent.
using CountsObserver = std::function<void(const Round&, std::span<const std::uint32_t> counts)>;

/// What the server carries from one round to the next.
struct ServerState {
  std::vector<float> theta;           ///< theta_t, [d]
  std::vector<compress::Index> mask;  ///< supp M_t; none at first
  KeptArrays kept{};                  ///< of the scheme's half
};

struct ServerContext {
  const Protocol& protocol;
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
  /// The votes of `mask` in all.
  [[nodiscard]] virtual std::uint64_t votes_for(std::span<const compress::Index> mask) const = 0;
  [[nodiscard]] virtual std::vector<std::uint32_t> counts() const = 0;  ///< [d]
};

/// One sparse round as a scheme's server half sees it.
class ServerRound {
 public:
  /// `pauses` says whether the run pauses after this round.
  ServerRound(const ServerContext& context, comm::Transport& transport, ServerState& state,
              RoundRecord& record, std::function<bool()> pauses);

  [[nodiscard]] const Round& round() const { return record_->round; }
  [[nodiscard]] const Settings& settings() const { return context_->settings; }
  [[nodiscard]] const Protocol& protocol() const { return context_->protocol; }
  [[nodiscard]] std::uint32_t workers() const { return transport_->workers(); }
  [[nodiscard]] ServerState& state() { return *state_; }
  [[nodiscard]] RoundSizes& sizes() { return record_->sizes; }

  /// A worker's list. Where the length of its code depends on the set, notes what this set costs.
  [[nodiscard]] std::vector<compress::Index> receive_positions(
      std::uint32_t worker, comm::Kind kind, std::span<const compress::Index> previous = {});
  /// A worker's values, as many as there is room for, at the coordinates of which `vote`, its own
  /// of this round, has some. Where the length of their code depends on them, notes what they cost.
  void receive_update(std::uint32_t worker, std::span<float> values,
                      std::span<const compress::Index> vote = {});

  /// Sends the mask to the workers, and records how much it agrees with the votes, if there are
  /// any, and with the last mask.
  void publish_mask(std::vector<compress::Index> mask, const VoteCount* votes = nullptr);
  /// A worker's own vote of this round.
  using VoteOf = std::function<std::span<const compress::Index>(std::uint32_t worker)>;
  /// The workers' values under the mask, added in worker order 0..N-1; without votes `vote_of` is
  /// empty.
  [[nodiscard]] std::vector<float> sum_updates(const VoteOf& vote_of = {});
  /// Divides the sum by N, unless the settings say otherwise, and sends it.
  void publish_aggregate(std::span<float> sum);
  /// The same for a sum under the mask; then theta moves by it.
  void step_under_mask(std::vector<float> sum);

 private:
  const ServerContext* context_;
  comm::Transport* transport_;
  ServerState* state_;
  RoundRecord* record_;
  std::function<bool()> pauses_;
};

/// Decodes, counts, chooses, aggregates in worker order 0..N-1, and closes each round when every
/// worker has reported it: while they compute the next one, so that nobody waits for it. Before
/// round 1 it sends the initial model.
class Server final : public Leader {
 public:
  Server(const ServerContext& context, comm::Transport& transport, ServerState state,
         std::span<const std::span<const compress::Index>> votes, std::size_t buffers);

  /// Hands over what it carries to the next round.
  [[nodiscard]] ServerState take();

 private:
  void begin() override;
  void lead(RoundRecord& record) override;
  [[nodiscard]] std::vector<float> statistics(const Round& round) override;
  [[nodiscard]] std::span<const float> theta() override { return state_.theta; }
  void collect(RoundRecord& record) override;
  void lead_dense(ServerRound& round);

  ServerContext context_;
  comm::Transport* transport_;
  ServerState state_;
  std::size_t buffers_;
  std::unique_ptr<ServerSide> side_;  ///< null where all rounds are dense
};

}  // namespace mvsgd::sim
