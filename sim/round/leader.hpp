// Whoever leads a group through its rounds, the server or a worker alone: rounds are evaluated and
// closed here, while the workers compute the next one, and a pause ends the loop.
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

/// What is known of a round when it is closed.
struct RoundRecord {
  Round round;
  std::vector<comm::LedgerRow> ledger;
  RoundSizes sizes;                      ///< of what was decoded
  std::optional<double> mask_overlap;    ///< |M_t and M_{t-1}| / |M_t|; none in dense rounds
  std::optional<double> vote_agreement;  ///< mean over the mask of votes / N; none without votes
  std::vector<compress::Index> mask;     ///< supp M_t; kept of a sparse round that is evaluated
  std::optional<Evaluation> evaluation;
  bool evaluation_due = false;  ///< it was given up
  WorkerReport report;  ///< all workers'; its phases have the server's time too, evaluation apart
};

using Evaluate =
    std::function<Evaluation(std::span<const float> theta, std::span<const float> buffers)>;

/// Whether a run should pause after this round.
using PauseAfter = std::function<bool(const Round&)>;

struct LeaderContext {
  std::span<const Round> rounds;                      ///< those to run
  PauseAfter pause_after;                             ///< may be empty: never; asked once a round
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

  /// Leads every round until the pause. Returns the last one, which is closed as all are. Throws
  /// RoundGivenUp, or what the round that is given up makes of it.
  ///
  /// Where an evaluation is given up its round is closed without, and the next one is given up;
  /// that of the last round throws EvaluationGivenUp, and the round is not closed.
  std::uint32_t run();
  /// The last round that was closed; 0 if none was.
  [[nodiscard]] std::uint32_t last_closed() const { return last_closed_; }

 protected:
  /// Whether the run pauses after this round; to be called once a round.
  [[nodiscard]] bool pauses_after(const Round& round);

 private:
  virtual void begin() {}  ///< before round 1
  virtual void lead(RoundRecord& record) = 0;
  /// The batch-norm statistics that a round is evaluated with.
  [[nodiscard]] virtual std::vector<float> statistics(const Round& round) = 0;
  [[nodiscard]] virtual std::span<const float> theta() = 0;  ///< [d]
  /// Adds to the record what its workers have reported of the round.
  virtual void collect(RoundRecord& record) = 0;

  void evaluate(RoundRecord& record, std::span<const float> statistics);
  void close(const RoundRecord& record);

  LeaderContext context_;
  std::uint32_t last_closed_ = 0;
  bool pauses_ = false;
};

}  // namespace mvsgd::sim
