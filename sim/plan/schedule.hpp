// The schedule: every round of a run, known before it begins.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// One round of a run.
struct Round {
  std::uint32_t t = 0;           ///< 1, 2, ...
  std::uint64_t first_step = 0;  ///< a worker's local steps before this round
  std::uint32_t steps = 0;       ///< a worker's local steps in this round
  bool dense = false;            ///< model differences are sent whole (warm-up, or scheme dense)
  bool first_sparse = false;     ///< sparse, with no mask and no vote before it of as many
  std::uint32_t stair = 0;       ///< of phi_warmup: the share is 4^-stair, above phi; 0: it is phi
  std::uint32_t absent = 0;      ///< workers that do not take part (plan/participation.hpp)
  double learning_rate = 0;      ///< eta_t of eq 10: one rate a round, the rate of its first step
  float decay = 1;               ///< 0.1 if eta_t is a decay or two below eta_{t-1}, else 1
  bool evaluate = false;         ///< the server evaluates after this round
  double epoch = 0;              ///< passes over the training images at its end

  /// Whether the initial model is sent before this round.
  [[nodiscard]] bool is_first() const { return t == 1; }
};

/// The rounds of a run on `train_images` images.
///
/// An epoch is ceil(train_images / (N * batch)) local steps. H counts across epoch ends, and the
/// last round has the steps that are left. The warm-up has W steps: the first 5 of 300 parts, at
/// least one, unless `warmup_epochs` says otherwise. They are dense rounds of one step; schemes sm
/// and dense take only their rates. With a = min(0.1, eta), the rate of step s < W is
///
///   stairs  a + (eta - a) floor(5 s / W) / 4
///   ramp    a + (eta - a) s / W, which would be eta in step W
///
/// With phi_warmup = stairs the warm-up of a sparse scheme has sparse rounds of one step. Step s is
/// on stair j = 1 + floor(5 s / W), whose share is the larger of 4^-j and phi. Each stair begins
/// with new votes and a new mask, as the first sparse round of a run does.
///
/// With participation = m < N, N - m workers are absent from every round but those that begin with
/// new votes: the first sparse round, and the first of each stair.
///
/// The rate falls to a tenth after 150 and again after 225 of 300 parts of the steps (section 4.2).
[[nodiscard]] std::vector<Round> schedule(const Settings& settings, std::uint64_t train_images);

/// How many rounds schedule() returns, in constant time.
[[nodiscard]] std::uint64_t round_count(const Settings& settings, std::uint64_t train_images);

/// Rounds of one step each at no particular rate: first `dense` dense rounds, then `sparse` sparse
/// ones. They serve for what holds of any rounds, and for short runs on drawn differences. From all
/// but the first sparse one `absent` workers are absent.
[[nodiscard]] std::vector<Round> plain_rounds(std::uint32_t dense, std::uint32_t sparse,
                                              std::uint32_t absent = 0);

/// The share of stair j = 1, 2, ..., 9 of phi_warmup: 4^-j.
[[nodiscard]] Decimal stair_share(std::uint32_t stair);

/// The settings with the share of coordinates that `round` keeps as phi.
[[nodiscard]] Settings settings_in(const Settings& settings, const Round& round);

/// The images that a run of these settings trains on.
[[nodiscard]] std::uint64_t training_images(const Settings& settings);

/// The rate at which a warm-up begins. If eta is not above it, the rate does not rise.
inline constexpr double kWarmupRate = 0.1;

/// A worker's local steps in a whole run, whatever `rounds` says.
struct StepCounts {
  std::uint64_t total = 0;
  std::uint64_t warmup = 0;  ///< of the total
};
[[nodiscard]] StepCounts step_counts(const Settings& settings, std::uint64_t train_images);

/// A worker's local steps in an epoch.
[[nodiscard]] std::uint64_t steps_per_epoch(const Settings& settings, std::uint64_t train_images);

}  // namespace mvsgd::sim
