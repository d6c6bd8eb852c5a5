// The parameter server: Algorithm 1, the server side.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "comm/ledger.hpp"
#include "comm/transport.hpp"
#include "compress/majority_vote.hpp"
#include "sim/evaluation.hpp"
#include "sim/protocol.hpp"
#include "sim/schedule.hpp"

namespace mvsgd::sim {

/// What the server knows of a round when it is closed.
struct RoundRecord {
  Round round;
  std::vector<comm::LedgerRow> ledger;
  std::optional<double> mask_overlap;    ///< |M_t and M_{t-1}| / K; none in dense rounds
  std::optional<double> vote_agreement;  ///< mean over the mask of votes / N
  std::optional<Evaluation> evaluation;
};

using Evaluate =
    std::function<Evaluation(std::span<const float> theta, std::span<const float> buffers)>;

struct ServerContext {
  const Protocol& protocol;
  const Settings& settings;
  std::span<const Round> rounds;
  comm::Ledger& ledger;
  Evaluate evaluate;                                  ///< may be empty: no evaluations
  std::function<void(const RoundRecord&)> on_closed;  ///< called once a round, in order
};

/// Decodes, counts, chooses, aggregates in worker order 0..N-1, and closes each round's ledger when
/// the next round's first messages show that every worker has decoded it.
class Server {
 public:
  Server(const ServerContext& context, comm::Transport& transport, std::vector<float> theta,
         std::size_t buffers);

  /// Sends the initial model and leads every round. The last one stays open: its aggregate may not
  /// have been decoded yet.
  void run();

  /// Closes what is still open; call it when the workers have ended.
  void close();

  [[nodiscard]] std::span<const float> theta() const { return theta_; }

 private:
  void lead_dense(const Round& round);
  void lead_sparse(const Round& round);
  void open(const Round& round);
  void broadcast(const comm::Message& message);
  void receive_and_sum(const Round& round, comm::Kind kind, std::vector<float>& sum);
  void aggregate(std::vector<float>& sum) const;
  std::vector<float> receive_buffers(const Round& round);  ///< their mean; zeros if none are sent

  ServerContext context_;
  comm::Transport* transport_;
  std::vector<float> theta_;
  std::size_t buffers_;
  compress::VoteCounts votes_;
  std::vector<compress::Index> mask_;  ///< supp M_t
  RoundRecord open_;
};

}  // namespace mvsgd::sim
