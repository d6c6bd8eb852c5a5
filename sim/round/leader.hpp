// The leader of a group through its rounds: the server, or a worker alone. It evaluates and closes
// rounds while the workers compute the next one, and a pause ends its loop.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "comm/ledger.hpp"
#include "compress/select/index.hpp"
#include "sim/law/round_sizes.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/round/evaluation.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/telemetry.hpp"

namespace mvsgd::sim {

/// What is known of a round that is closed.
struct RoundRecord {
  Round round;
  std::vector<comm::LedgerRow> ledger;
  RoundSizes sizes;                      ///< sizes of the decoded messages
  std::optional<double> mask_overlap;    ///< |M_t and M_{t-1}| / |M_t|; none in dense rounds
  std::optional<double> vote_agreement;  ///< mean over the mask of votes / N; none without votes
  std::vector<compress::Index> mask;     ///< supp M_t; only in sparse rounds that are evaluated
  std::optional<Evaluation> evaluation;
  bool evaluation_due = false;     ///< it was given up
  std::optional<double> mask_age;  ///< mask_metrics: rounds that the mask's coordinates waited
  std::vector<compress::Index> in_masks;  ///< the same, when evaluated: of masks up to this round
  std::optional<double> tied;  ///< worker_metrics: share of the mask chosen among equally voted
  std::vector<WorkerReport> by_worker;  ///< with worker_metrics in evaluated rounds, [N]
  WorkerReport report;  ///< of all workers; its phases include the server's time without evaluation
};

using Evaluate =
    std::function<Evaluation(std::span<const float> theta, std::span<const float> buffers)>;

/// Whether a run should pause after this round.
using PauseAfter = std::function<bool(const Round&)>;

struct LeaderContext {
  std::span<const Round> rounds;                      ///< the rounds to run
  PauseAfter pause_after;                             ///< may be empty: never; called once a round
  Evaluate evaluate;                                  ///< may be empty: no evaluations
  std::function<void(const RoundRecord&)> on_closed;  ///< called once a round, in order
  GiveUp& give_up;
};

class Leader {
 public:
  explicit Leader(const LeaderContext& context) : context_(context) {}
  virtual ~Leader() = default;
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;

  /// Leads every round until the pause. Returns the last round; it is closed like the others.
  /// Throws RoundGivenUp, or the error with which another rank's giving up reaches this one.
  ///
  /// If an evaluation is given up, its round is closed without it, and the next round is given up.
  /// If it is that of the last round, EvaluationGivenUp is thrown, and the round is not closed.
  std::uint32_t run();
  /// The last round that is closed; 0 if there is none.
  [[nodiscard]] std::uint32_t last_closed() const { return last_closed_; }

 protected:
  /// Whether the run pauses after this round. To be called once a round.
  [[nodiscard]] bool pauses_after(const Round& round);

 private:
  virtual void begin() {}  ///< before round 1
  virtual void lead(RoundRecord& record) = 0;
  /// The batch-norm statistics for the evaluation of `round`.
  [[nodiscard]] virtual std::vector<float> statistics(const Round& round) = 0;
  [[nodiscard]] virtual std::span<const float> theta() = 0;  ///< [d]
  /// Adds the workers' reports of the round to the record.
  virtual void collect(RoundRecord& record) = 0;

  void evaluate(RoundRecord& record, std::span<const float> statistics);
  void close(const RoundRecord& record);

  LeaderContext context_;
  std::uint32_t last_closed_ = 0;
  bool pauses_ = false;
};

}  // namespace mvsgd::sim
