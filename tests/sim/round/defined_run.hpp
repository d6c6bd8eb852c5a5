// A whole run of workers and a server beside the definition's.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/group.hpp"
#include "sim/verify/drawn_update.hpp"
#include "tests/sim/round/scheme_case.hpp"

namespace mvsgd::sim {

/// All rounds of the settings by the definition, with d = 5,003 and drawn updates, and what groups
/// are run with to be compared with it. An epoch is one step; no round is evaluated.
class DefinedRun {
 public:
  static constexpr std::size_t kD = 5'003;

  /// `layers` are those of a run with selection = layer, kD together.
  explicit DefinedRun(Settings settings, std::optional<Layers> layers = {})
      : settings_(std::move(settings)),
        layers_(std::move(layers)),
        update_(kD, settings_.workers, 5, settings_) {
    plan_ = schedule(settings_, std::uint64_t{settings_.workers} * settings_.batch);
    for (Round& round : plan_) round.evaluate = false;
    Definition definition(settings_, std::vector<float>(kD, 1.0F), layers_);
    for (const Round& round : plan_) defined_.push_back(definition.run(round, update_));
    theta_ = copy_of(definition.theta());
    for (std::uint32_t n = 0; n < settings_.workers; ++n) {
      errors_.push_back(copy_of(definition.error(n)));
      velocities_.push_back(copy_of(definition.velocity(n)));
    }
  }

  GroupState advance(GroupState state, LocalUpdate& update, std::size_t slot_count,
                     const PauseAfter& pause_after = {}, GiveUp* give_up = nullptr) {
    Slots slots(slot_count);
    comm::InprocGroup group(settings_.workers, on_message_);
    return run_group({.group = group,
                      .settings = settings_,
                      .layers = layers_,
                      .rounds = plan_,
                      .update = update,
                      .slots = slots,
                      .on_closed = on_closed_,
                      .pause_after = pause_after,
                      .give_up = give_up},
                     std::move(state));
  }
  /// Pauses after each round but the last in turn, and goes on to the definition's end.
  void expect_that_it_may_pause_after_any_round() {
    for (std::uint32_t t = 1; t < plan_.size(); ++t) {
      SCOPED_TRACE(t);
      GroupState state =
          advance(begin(), update_, 2, [&](const Round& round) { return round.t == t; });
      ASSERT_EQ(state.t, t);
      expect_the_definitions(advance(std::move(state), update_, 3));
    }
  }
  /// Wants round t to be given up from its first message of `kind` on, as a stopped run may, and
  /// goes on to the definition's end. Whether there was such a message.
  bool expect_that_it_may_be_given_up_after(comm::Kind kind, std::uint32_t t) {
    std::atomic<bool> is_wanted = false;
    std::atomic<bool> is_over = false;
    GiveUp give_up([&] { return is_wanted.load(); }, settings_.workers + std::size_t{1});
    on_message_ = [&](std::uint32_t, const comm::Message& message) {
      if (message.header.kind != kind || message.header.round != t) return;
      if (is_over.exchange(true)) return;
      is_wanted = true;
      while (!give_up.is_due()) std::this_thread::yield();  // till all workers have begun it
      is_wanted = false;
    };
    GroupState state = advance(begin(), update_, settings_.workers, {}, &give_up);
    if (is_over) {
      EXPECT_EQ(state.t, t - 1);
      expect_the_definitions(advance(std::move(state), update_, settings_.workers, {}, &give_up));
    }
    on_message_ = {};
    return is_over;
  }
  [[nodiscard]] GroupState begin() const {
    return initial_state(settings_.workers, std::vector<float>(kD, 1.0F), {});
  }
  void expect_the_definitions(const GroupState& state) const {
    EXPECT_TRUE(same_bits(state.server.theta, theta_));
    for (std::uint32_t n = 0; n < settings_.workers; ++n) {
      EXPECT_TRUE(same_bits(state.workers[n].theta, theta_)) << n;
      EXPECT_TRUE(same_bits(state.workers[n].e, errors_[n])) << n;
      EXPECT_TRUE(same_bits(state.workers[n].velocity, velocities_[n])) << n;
    }
  }

 protected:
  Settings settings_;
  std::optional<Layers> layers_;
  std::vector<Round> plan_;
  DrawnUpdate update_;
  std::function<void(const RoundRecord&)> on_closed_;
  comm::WireObserver on_message_;
  std::vector<DefinedRound> defined_;
  std::vector<float> theta_;
  std::vector<std::vector<float>> errors_;
  std::vector<std::vector<float>> velocities_;

 private:
  static std::vector<float> copy_of(std::span<const float> values) {
    return {values.begin(), values.end()};
  }
};

}  // namespace mvsgd::sim
