// What a scheme does in its sparse rounds: the worker's half, the server's half, and both once more
// in whole vectors.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compress/select/index.hpp"
#include "compress/vote/add_drop.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/flat_view.hpp"

namespace mvsgd::sim {

class DefinitionRound;
struct Protocol;
class ServerRound;
class WorkerRound;

/// What a worker votes for. Both are empty where a scheme has no votes.
struct Vote {
  std::vector<compress::Index> support;        ///< M_{n,t}, increasing
  std::optional<compress::VoteChange> change;  ///< how it came from the last; none: it goes whole
};

/// Arrays that a checkpoint keeps of a server's half, by name.
using KeptArrays = std::map<std::string, std::vector<std::uint32_t>>;

/// The server's half of a scheme, with what it carries from round to round.
class ServerSide {
 public:
  ServerSide() = default;
  virtual ~ServerSide() = default;
  ServerSide(const ServerSide&) = delete;
  ServerSide& operator=(const ServerSide&) = delete;

  /// Leads one round: receives, chooses the mask, tells it and the aggregate, and moves theta.
  virtual void lead(ServerRound& round) = 0;

  /// What the next round needs beside theta, the mask and the workers' votes.
  [[nodiscard]] virtual KeptArrays keep() const { return {}; }
  /// Goes on from the workers' last votes [N], each empty before the first. Throws
  /// std::invalid_argument or comm::DecodeError if they are none.
  virtual void take_votes(std::span<const std::span<const compress::Index>> /*votes*/) {}
  /// After take_votes(): goes on from what keep() gave. Throws std::invalid_argument if the votes
  /// and `kept` do not fit together.
  virtual void restore(const KeptArrays& /*kept*/) {}
};

/// Stateless: one object serves all workers of all runs.
class SparseRounds {
 public:
  SparseRounds() = default;
  virtual ~SparseRounds() = default;
  SparseRounds(const SparseRounds&) = delete;
  SparseRounds& operator=(const SparseRounds&) = delete;

  /// Before any message: e becomes D of Algorithm 1 line 9, and the vote is chosen. `theta_h` is
  /// theta^(H), in the compute slot that the caller holds.
  [[nodiscard]] virtual Vote choose_vote(WorkerRound& round, const FlatView& theta_h) const = 0;
  /// The messages: the vote, what is sent of D, the mask, the aggregate, which moves theta.
  virtual void exchange(WorkerRound& round, const Vote& vote) const = 0;

  [[nodiscard]] virtual std::unique_ptr<ServerSide> server(const Settings& settings,
                                                           const Protocol& protocol) const = 0;

  /// From D of every worker: votes, mask, and where each worker's values are.
  virtual void define(DefinitionRound& round) const = 0;
};

}  // namespace mvsgd::sim
