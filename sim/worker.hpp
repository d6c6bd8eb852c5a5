// A worker: Algorithms 1 and 2 and the top-K baseline, the worker side.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/transport.hpp"
#include "compress/add_drop.hpp"
#include "compress/top_k.hpp"
#include "sim/local_update.hpp"
#include "sim/protocol.hpp"
#include "sim/schedule.hpp"
#include "sim/slots.hpp"
#include "sim/telemetry.hpp"

namespace mvsgd::sim {

/// What all workers of a run share. Everything must outlive them.
struct WorkerContext {
  const Protocol& protocol;
  const Settings& settings;
  std::span<const Round> rounds;
  LocalUpdate& update;
  Slots& slots;
  Telemetry& telemetry;
};

/// One worker, run by a thread of its own (or, later, a process). Its state is theta, rebuilt only
/// from what it has decoded, the error memory e, and its batch-norm buffers: 2d floats and a few.
class Worker {
 public:
  Worker(const WorkerContext& context, comm::Transport& transport, std::vector<float> buffers);

  /// Receives the initial model and takes part in every round.
  void run();

  [[nodiscard]] std::span<const float> theta() const { return theta_; }
  [[nodiscard]] std::span<const float> error() const { return e_; }

 private:
  WorkerReport compute(const Round& round);
  /// e becomes D; returns what of it is voted for.
  [[nodiscard]] std::vector<compress::Index> choose_vote(const Round& round,
                                                         std::span<const float> theta_h);
  void exchange_dense(const Round& round);
  void exchange_voted(const Round& round);
  void exchange_top_k(const Round& round);
  /// Sends the values of D at `support`; the memory keeps the rest.
  void send_update(const Round& round, std::span<const compress::Index> support);
  /// Receives what all workers' values under the mask came to, and moves theta by it.
  void receive_aggregate(const Round& round);
  void send_positions(const Round& round, comm::Kind kind,
                      std::span<const compress::Index> positions);
  void receive_mask(const Round& round);

  WorkerContext context_;
  comm::Transport* transport_;
  std::vector<float> theta_;  ///< theta_t
  std::vector<float> e_;      ///< e_{n,t}; D of Algorithm 1 line 9 between computing and sending
  std::vector<float> buffers_;
  std::vector<compress::Index> vote_;  ///< supp of this round's vote, M_{n,t} or AD's own
  std::vector<compress::Index> last_vote_;
  float threshold_ = 0;  ///< the K-th magnitude of the last vote: where to look for this one's
  compress::VoteChange change_;        ///< how AD's vote came from the last one
  std::vector<compress::Index> mask_;  ///< supp M_t
};

}  // namespace mvsgd::sim
