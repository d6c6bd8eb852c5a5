// A trial: one run of training from settings and images to parameters, with every round reported.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "comm/transport.hpp"
#include "data/dataset.hpp"
#include "sim/account.hpp"
#include "sim/evaluation.hpp"
#include "sim/law.hpp"
#include "sim/server.hpp"
#include "sim/telemetry.hpp"

namespace mvsgd::sim {

/// One closed round: what the server knows and what the workers reported.
struct TrialRound {
  const RoundRecord& record;
  const WorkerReport& report;
};

/// Where a trial tells of itself. Both may be empty.
struct TrialSinks {
  std::function<void(const TrialRound&)>
      on_round;                   ///< in order, from one thread; t = 0 comes first
  comm::WireObserver on_message;  ///< from the senders' threads
};

struct TrialResult {
  Evaluation evaluation;  ///< after the last round
  Account account;
  std::vector<float> theta;  ///< [d]
  std::string digest;        ///< sha256(theta)
  Phases phases;             ///< where the processor time of all rounds went
};

/// The number of compute slots that settings give on this machine.
[[nodiscard]] std::size_t slot_count(const Settings& settings);

/// Runs all rounds; a thread for each worker. Every round's ledger is held against `law`.
///
/// The result is a function of settings (slots excepted), images and the backend's own bits.
///
/// Throws UsageError if the settings do not fit the images, NonFiniteError if the training
/// diverges, CheckFailed or comm::LedgerError if bits and law differ; when one worker fails, what
/// that worker threw.
[[nodiscard]] TrialResult run_trial(const Settings& settings, const data::TrainTest& images,
                                    const TrialSinks& sinks, const LawConstants& law = {});

}  // namespace mvsgd::sim
