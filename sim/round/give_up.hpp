// Gives up a round that has begun, so that a run that is to stop need not wait for the round's end.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace mvsgd::sim {

/// The round is given up: run_group() ends with the state before the round.
class RoundGivenUp : public std::runtime_error {
 public:
  RoundGivenUp() : std::runtime_error("the round is given up") {}
};

/// The evaluation of a round is given up. The round itself is done.
class EvaluationGivenUp : public std::runtime_error {
 public:
  EvaluationGivenUp() : std::runtime_error("the evaluation is given up") {}
};

/// Counts the ranks of a process that have begun a round, and asks on behalf of all ranks whether
/// the run is to stop. Thread-safe.
///
/// A round can be given up only after every rank has begun it, and only during local steps, whose
/// results no other rank has seen. The last round is then complete for all ranks, and theta has not
/// moved since.
class GiveUp {
 public:
  /// `wanted` is called by one thread at a time. If it is empty, no round is given up; only then
  /// may `ranks` be a part of a group.
  GiveUp(std::function<bool()> wanted, std::size_t ranks)
      : wanted_(std::move(wanted)), ranks_(ranks) {}

  [[nodiscard]] bool is_possible() const { return wanted_ != nullptr; }

  /// To be called when all ranks are between two rounds.
  void restart() {
    const std::lock_guard lock(mutex_);
    begun_ = 0;
    is_left_ = false;
  }
  /// A rank begins its next round: it needs nothing more of the others for the last one.
  void begin_round() {
    const std::lock_guard lock(mutex_);
    ++begun_;
    changed_.notify_all();
  }
  /// A rank has failed and begins no further round.
  void leave() {
    const std::lock_guard lock(mutex_);
    is_left_ = true;
    changed_.notify_all();
  }
  /// Waits until every rank has begun the caller's round, or until a rank has left. The caller has
  /// sent nothing yet in this round.
  void wait_for_all() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_left_ || begun_ % ranks_ == 0; });
  }

  /// To be called in a round before the worker sends anything of it. Throws RoundGivenUp if every
  /// rank has begun the round and giving up is wanted.
  void check() {
    if (!is_possible()) return;
    const std::lock_guard lock(mutex_);
    // Nobody is a round ahead, since a round ends with a message that depends on all ranks.
    if (begun_ % ranks_ == 0 && wanted_()) throw RoundGivenUp();
  }

  /// To be called in an evaluation. Throws EvaluationGivenUp if the run is to stop.
  void check_evaluation() {
    if (!is_possible()) return;
    const std::lock_guard lock(mutex_);
    if (wanted_()) throw EvaluationGivenUp();
  }

 private:
  std::function<bool()> wanted_;
  std::size_t ranks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t begun_ = 0;  ///< rounds begun, summed over ranks
  bool is_left_ = false;
};

}  // namespace mvsgd::sim
