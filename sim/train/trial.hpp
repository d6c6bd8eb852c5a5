// A trial: one run of training, from settings and images to parameters, that reports every round.
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

/// A trial between two rounds: everything that a later result or row depends on. The trial goes on
/// from it to the same end, whatever the number of slots.
struct TrialState {
  GroupState group;
  Evaluation evaluation;          ///< the last evaluation
  std::vector<float> statistics;  ///< the batch-norm statistics that the evaluation used
  bool evaluation_due = false;    ///< that of round t was given up, and comes before round t + 1
  Account account;
  Phases phases;       ///< processor time of all rounds
  double seconds = 0;  ///< wall time of all rounds
};

/// The state before round 1. Throws InputError if `init` is no model file of the settings' width.
[[nodiscard]] TrialState first_state(const Settings& settings);

/// What a trial calls to report itself and to ask whether to pause. Each may be empty.
struct TrialSinks {
  std::function<void(const RoundRecord&)> on_round;  ///< in order, from one thread; from t = 0 on
  /// The evaluation of the last closed round, if its record had it due: before the next round.
  std::function<void(const Evaluation&)> on_evaluation;
  comm::WireObserver on_message;  ///< called by the senders' threads
  PauseAfter pause_after;         ///< called once a round, by the thread of on_round
  /// Whether to give up the running round, so that the trial pauses after the round before it, or
  /// the running evaluation, so that it pauses after its round. Called between operations of both,
  /// by one thread at a time. If the last evaluation is given up, the trial ends without a further
  /// pause: its state is that of the last pause.
  std::function<bool()> gives_up;
  /// Called with the state in a pause. A pause comes before the last round has ended; it may come
  /// before the first has, if that round is given up. If on_pause returns false, the trial ends
  /// there.
  std::function<bool(const TrialState&)> on_pause;
};

struct TrialResult {
  Evaluation evaluation;  ///< after the last round
  Account account;
  std::vector<float> theta;       ///< [d]
  std::vector<float> statistics;  ///< batch-norm statistics for theta (see below)
  std::uint64_t steps = 0;        ///< local steps of a worker
  std::string digest;             ///< sha256(theta)
  Phases phases;                  ///< processor time of all rounds
  bool finished = true;           ///< false if on_pause or gives_up ended it before its end
};

/// Runs all rounds, with a thread for each worker, and compares every round's ledger with `law`.
///
/// The result is a function of settings (without slots), images and the backend's own bits. Pauses
/// do not change it, nor does a state `from` which the trial goes on. Its statistics are those that
/// the last evaluation used. With bn_eval = batch, which uses none, they are the mean of the
/// workers' statistics, which nobody sends.
///
/// A state is handed over without a copy, so that nothing is in memory twice.
///
/// With `processes` each of them calls it, with the same settings, images and round, and of the
/// state its workers' part; null: all is in this one. Process 0 has the result and its sinks see
/// the rounds; elsewhere the result says only whether it has finished, and of the sinks gives_up
/// and on_pause are called alone: on_pause must then return what it does in process 0.
///
/// Throws UsageError if the settings do not fit the images, what first_state() throws,
/// NonFiniteError if the training diverges, CheckFailed or comm::LedgerError if bits and law
/// differ. If a worker fails, throws what that worker threw.
[[nodiscard]] TrialResult run_trial(const Settings& settings, const data::TrainTest& images,
                                    const TrialSinks& sinks, const LawConstants& law = {},
                                    std::optional<TrialState> from = {},
                                    comm::Processes* processes = nullptr);

}  // namespace mvsgd::sim
