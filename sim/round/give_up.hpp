// Gives up a round that has begun, so that a run that is to stop need not wait for the round's end.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

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
/// A round is given up only when every rank has begun it, and before its aggregate is sent, of
/// which no rank has yet seen a result: the last round is then whole for all, and theta has not
/// moved since.
///
/// Of a group over several processes that with the server decides, and the others tell it which
/// rounds their ranks begin.
class GiveUp {
 public:
  /// What other processes are told: called with the lock held, and may wait for nothing.
  struct Tell {
    std::function<void()> begun;     ///< a rank of this process has begun its next round
    std::function<void()> given_up;  ///< by a rank of this process
    /// A rank waits for all. Who is told sees to it that all_have_begun() is called.
    std::function<void()> waits;
  };

  /// `wanted` is asked by one thread at a time; empty: never, which `ranks` of a part of a group
  /// may have alone.
  GiveUp(std::function<bool()> wanted, std::size_t ranks)
      : wanted_(std::move(wanted)), ranks_(ranks) {}

  [[nodiscard]] bool is_possible() const { return wanted_ != nullptr; }

  /// Before the first round. Each may be empty.
  void tell(Tell tell) { tell_ = std::move(tell); }

  /// All ranks are between two rounds.
  void restart() {
    const std::lock_guard lock(mutex_);
    begun_ = 0;
    is_left_ = false;
    is_given_up_ = false;
    is_decided_ = false;
    all_have_begun_ = false;
    when_all_.clear();
  }
  /// A rank begins its next round: it needs nothing more of the others for the last one.
  void begin_round() {
    const std::lock_guard lock(mutex_);
    ++begun_;
    if (begun_ % ranks_ == 0) {
      is_decided_ = false;
      for (const auto& tell_of_it : std::exchange(when_all_, {})) tell_of_it();
    }
    if (tell_.begun) tell_.begun();
    changed_.notify_all();
  }
  /// For the server, before it sends the aggregate: from now on the round is not given up. Throws
  /// RoundGivenUp if it has been.
  void finish_round() {
    const std::lock_guard lock(mutex_);
    if (is_given_up_) throw RoundGivenUp();
    is_decided_ = true;
  }
  /// A rank has failed, and begins no further round.
  void leave() {
    const std::lock_guard lock(mutex_);
    is_left_ = true;
    changed_.notify_all();
  }
  /// Waits until every rank has begun the caller's round, or until a rank has left. The caller has
  /// sent nothing yet in this round.
  void wait_for_all() {
    std::unique_lock lock(mutex_);
    if (tell_.waits) tell_.waits();
    changed_.wait(lock, [this] {
      return is_left_ || (tell_.waits ? all_have_begun_ : begun_ % ranks_ == 0);
    });
  }
  /// Who counts all ranks says so, to one that does not and has been waiting for it.
  void all_have_begun() {
    const std::lock_guard lock(mutex_);
    all_have_begun_ = true;
    changed_.notify_all();
  }
  /// For who counts all ranks: calls `tell_of_it`, with the lock held, when all have begun the
  /// round, which may be now.
  void when_all_have_begun(std::function<void()> tell_of_it) {
    const std::lock_guard lock(mutex_);
    if (begun_ % ranks_ == 0) return tell_of_it();
    when_all_.push_back(std::move(tell_of_it));
  }

  /// To be called in a round before the worker sends anything of it. Throws RoundGivenUp if every
  /// rank has begun the round and giving up is wanted.
  void check() {
    if (!is_possible()) return;
    if (is_due()) throw RoundGivenUp();
  }
  /// Whether the round is given up by now, for who has no share in it.
  [[nodiscard]] bool is_due() {
    const std::lock_guard lock(mutex_);
    // Nobody is a round ahead, since a round ends with a message that needs all.
    if (begun_ % ranks_ == 0 && !is_decided_ && wanted_()) decide();
    return is_given_up_;
  }
  /// The round is given up: somebody else says so, or who knows that every rank has begun it.
  void give_up() {
    const std::lock_guard lock(mutex_);
    decide();
  }
  [[nodiscard]] bool is_given_up() {
    const std::lock_guard lock(mutex_);
    return is_given_up_;
  }

  /// To be called in an evaluation. Throws EvaluationGivenUp if the run is to stop.
  void check_evaluation() {
    if (!is_possible()) return;
    const std::lock_guard lock(mutex_);
    if (wanted_()) throw EvaluationGivenUp();
  }

 private:
  void decide() {
    if (!std::exchange(is_given_up_, true) && tell_.given_up) tell_.given_up();
  }

  std::function<bool()> wanted_;
  std::size_t ranks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t begun_ = 0;  ///< rounds begun, summed over ranks
  bool is_left_ = false;
  bool is_given_up_ = false;
  bool is_decided_ = false;      ///< the round that all have begun will end
  bool all_have_begun_ = false;  ///< the round in which a rank of this process has waited
  std::vector<std::function<void()>> when_all_;
  Tell tell_;
};

}  // namespace mvsgd::sim
