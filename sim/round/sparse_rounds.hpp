// What a scheme does in its sparse rounds: the worker's half, the server's half, and the definition
// of both in whole vectors.
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

/// What a worker votes for. Both members are empty if the scheme has no votes.
struct Vote {
  std::vector<compress::Index> support;        ///< M_{n,t}, increasing
  std::optional<compress::VoteChange> change;  ///< from the last vote; none: it is sent whole
};

/// What a checkpoint keeps of a server's half: arrays by name.
using KeptArrays = std::map<std::string, std::vector<std::uint32_t>>;

/// The server's half of a scheme, with its state between rounds.
class ServerSide {
 public:
  ServerSide() = default;
  virtual ~ServerSide() = default;
  ServerSide(const ServerSide&) = delete;
  ServerSide& operator=(const ServerSide&) = delete;

  /// Leads one round: receives, chooses the mask, sends mask and aggregate, and updates theta.
  virtual void lead(ServerRound& round) = 0;

  /// What the next round needs besides theta, the mask and the workers' votes.
  [[nodiscard]] virtual KeptArrays keep() const { return {}; }
  /// Takes the workers' last votes [N] as its own; each is empty before the first. Throws
  /// std::invalid_argument or comm::DecodeError if they are no votes of this run.
  virtual void take_votes(std::span<const std::span<const compress::Index>> /*votes*/) {}
  /// To be called after take_votes(): takes what keep() returned. Throws std::invalid_argument if
  /// `kept` does not agree with the votes.
  virtual void restore(const KeptArrays& /*kept*/) {}
};

/// The sparse rounds of a scheme. Stateless: one object serves all workers of all runs.
class SparseRounds {
 public:
  SparseRounds() = default;
  virtual ~SparseRounds() = default;
  SparseRounds(const SparseRounds&) = delete;
  SparseRounds& operator=(const SparseRounds&) = delete;

  /// Before any message: turns e into D (Algorithm 1 line 9) and chooses the vote. `theta_h` is
  /// theta^(H), in the compute slot that the caller holds.
  [[nodiscard]] virtual Vote choose_vote(WorkerRound& round, const FlatView& theta_h) const = 0;
  /// The messages: sends the vote and the selected values of D, receives the mask and the
  /// aggregate, and updates theta by it.
  virtual void exchange(WorkerRound& round, const Vote& vote) const = 0;

  [[nodiscard]] virtual std::unique_ptr<ServerSide> server(const Settings& settings,
                                                           const Protocol& protocol) const = 0;

  /// Defines, from every worker's D, the votes, the mask, and where each worker's values are.
  virtual void define(DefinitionRound& round) const = 0;
};

}  // namespace mvsgd::sim
