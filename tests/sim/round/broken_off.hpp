// Local steps that end before their round does.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>

#include "sim/round/give_up.hpp"
#include "sim/round/local_update.hpp"

namespace mvsgd::sim {

/// Gives up round `t` once, from within the local steps of `worker`. By then all others of the
/// `taking` workers that take part in it have done their steps, and most have sent their votes.
class GivenUpUpdate final : public LocalUpdate {
 public:
  GivenUpUpdate(LocalUpdate& update, std::uint32_t taking, std::uint32_t t, std::uint32_t worker,
                std::uint32_t workers)
      : update_(&update),
        taking_(taking),
        t_(t),
        worker_(worker),
        give_up_([this] { return is_wanted_.load(); }, std::size_t{workers} + 1) {}
  GivenUpUpdate(LocalUpdate& update, std::uint32_t workers, std::uint32_t t, std::uint32_t worker)
      : GivenUpUpdate(update, workers, t, worker, workers) {}

  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker, const FlatView& theta,
                  LocalMemory memory) override {
    if (round.t == t_ && !is_over_) {
      if (worker == worker_) {
        while (done_ + 1 < taking_) std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        is_wanted_ = true;
      }
      try {
        while (worker == worker_) give_up_.check();
      } catch (const RoundGivenUp&) {
        is_over_ = true;
        is_wanted_ = false;
        throw;
      }
      ++done_;
    }
    return update_->run(slot, round, worker, theta, memory);
  }
  [[nodiscard]] GiveUp& give_up() { return give_up_; }

 private:
  LocalUpdate* update_;
  std::uint32_t taking_;
  std::uint32_t t_;
  std::uint32_t worker_;
  std::atomic<std::uint32_t> done_ = 0;
  std::atomic<bool> is_wanted_ = false;
  std::atomic<bool> is_over_ = false;
  GiveUp give_up_;
};

/// Gives up round 2 from within the first local steps that are taken in it.
class StoppedUpdate final : public LocalUpdate {
 public:
  StoppedUpdate(LocalUpdate& update, std::uint32_t workers)
      : update_(&update),
        give_up_([this] { return taken_.load() > 0; }, std::size_t{workers} + 1) {}

  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker, const FlatView& theta,
                  LocalMemory memory) override {
    if (round.t == 2) {
      ++taken_;
      while (true) give_up_.check();
    }
    return update_->run(slot, round, worker, theta, memory);
  }
  [[nodiscard]] GiveUp& give_up() { return give_up_; }
  /// Workers that have begun to compute in round 2.
  [[nodiscard]] std::uint32_t taken() const { return taken_; }

 private:
  LocalUpdate* update_;
  std::atomic<std::uint32_t> taken_ = 0;
  GiveUp give_up_;
};

/// Diverges in round 2: workers 1, 2 and 3 in local steps 2, 1 and 1. They may throw in any order.
class DivergingUpdate final : public LocalUpdate {
 public:
  DivergingUpdate(LocalUpdate& update, std::uint32_t latest) : update_(&update), latest_(latest) {}

  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker, const FlatView& theta,
                  LocalMemory memory) override {
    if (round.t < 2 || worker == 0) return update_->run(slot, round, worker, theta, memory);
    if (worker == latest_) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    throw NonFiniteError(fmt::format("worker {}", worker), worker == 1 ? 2 : 1, worker);
  }

 private:
  LocalUpdate* update_;
  std::uint32_t latest_;
};

}  // namespace mvsgd::sim
