// A trial: one run of training from settings and images to parameters, with every round reported.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "comm/processes.hpp"
#include "comm/transport.hpp"
#include "data/dataset.hpp"
#include "sim/law/account.hpp"
#include "sim/law/law.hpp"
#include "sim/round/evaluation.hpp"
#include "sim/round/group.hpp"
#include "sim/round/server.hpp"

namespace mvsgd::sim {

/// A trial between two rounds: all that enters a later result or row. From it the trial goes on to
/// the same end, whatever the slots.
struct TrialState {
  GroupState group;
  Evaluation evaluation;          ///< the last
  std::vector<float> statistics;  ///< the batch-norm statistics that it used
  bool evaluation_due = false;    ///< that of round t was given up, and comes before round t + 1
  Account account;
  Phases phases;       ///< where the processor time of all rounds went
  double seconds = 0;  ///< that it has taken
};

/// The state before round 1. Throws InputError if `init` is no model file of the settings' width.
[[nodiscard]] TrialState first_state(const Settings& settings);

/// Where a trial tells of itself, and what tells it to pause. Each may be empty.
struct TrialSinks {
  std::function<void(const RoundRecord&)> on_round;  ///< of a closed one: in order, from one
                                                     ///< thread; t = 0 comes first
  /// The evaluation of the last closed round, whose record had it due: before the next round.
  std::function<void(const Evaluation&)> on_evaluation;
  comm::WireObserver on_message;  ///< from the senders' threads
  PauseAfter pause_after;         ///< asked once a round, from the thread of on_round
  /// Whether the round that goes on is to be given up for a pause after the one before, or an
  /// evaluation for a pause after its round. Asked between operations of both, by one thread at a
  /// time. Of the last round's evaluation the trial ends without a further pause: with its state in
  /// the last one.
  std::function<bool()> gives_up;
  /// Sees the state in a pause, which comes before the last round has ended, and before the first
  /// if this is given up. If it returns false the trial ends there.
  std::function<bool(const TrialState&)> on_pause;
};

struct TrialResult {
  Evaluation evaluation;  ///< after the last round
  Account account;
  std::vector<float> theta;       ///< [d]
  std::vector<float> statistics;  ///< batch-norm statistics to use theta with (below)
  std::uint64_t steps = 0;        ///< local steps of a worker
  std::string digest;             ///< sha256(theta)
  Phases phases;                  ///< where the processor time of all rounds went
  bool finished = true;           ///< false if on_pause or gives_up has ended it before its end
};

/// Runs all rounds; a thread for each worker. Every round's ledger is held against `law`.
///
/// The result is a function of settings (without slots), images and the backend's own bits. Neither
/// its pauses nor a state `from` which it goes on change it. Its statistics are those that the last
/// evaluation used; with bn_eval = batch, which uses none, the mean of the workers', which nobody
/// sends.
///
/// A state is handed over without a copy: nothing is held in memory twice.
///
/// With `processes` each of them calls it, with the same settings, images and round, and of the
/// state its workers' part; null: all is in this one. Process 0 has the result and its sinks see
/// the rounds; elsewhere the result says only whether it has finished, and of the sinks gives_up
/// and on_pause are called alone: on_pause must then return what it does in process 0.
///
/// Throws UsageError if the settings do not fit the images, what first_state() throws,
/// NonFiniteError if the training diverges, CheckFailed or comm::LedgerError if bits and law
/// differ; when one worker fails, what that worker threw.
[[nodiscard]] TrialResult run_trial(const Settings& settings, const data::TrainTest& images,
                                    const TrialSinks& sinks, const LawConstants& law = {},
                                    std::optional<TrialState> from = {},
                                    comm::Processes* processes = nullptr);

}  // namespace mvsgd::sim
