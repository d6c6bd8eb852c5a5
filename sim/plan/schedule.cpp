#include "sim/plan/schedule.hpp"

#include <algorithm>
#include <limits>

#include "data/cifar10.hpp"
#include "sim/plan/scheme.hpp"

namespace mvsgd::sim {
namespace {

// Section 4.2's epochs, as parts of 300.
constexpr std::uint64_t kParts = 300;
constexpr std::uint64_t kWarmupParts = 5;
constexpr std::uint64_t kFirstDecay = 150;
constexpr std::uint64_t kSecondDecay = 225;
constexpr std::uint64_t kStairs = 5;
constexpr double kDecay = 0.1;

/// How many of the two decays lie at or before `step`.
int decays(const StepCounts& steps, std::uint64_t step) {
  const auto reached = [&](std::uint64_t part) { return step * kParts >= steps.total * part; };
  return (reached(kFirstDecay) ? 1 : 0) + (reached(kSecondDecay) ? 1 : 0);
}

/// The learning rate of step `step` < `warmup` of the warm-up.
double warmup_rate(const Settings& settings, std::uint64_t warmup, std::uint64_t step) {
  const double eta = settings.learning_rate;
  const double first = std::min(kWarmupRate, eta);
  // The rate has risen by the fraction part / whole.
  const bool ramp = settings.warmup == Warmup::ramp;
  const std::uint64_t part = ramp ? step : kStairs * step / warmup;
  const std::uint64_t whole = ramp ? warmup : kStairs - 1;
  return first + (eta - first) * static_cast<double>(part) / static_cast<double>(whole);
}

/// The stair of phi_warmup that a step is on; 0 after the warm-up, and where the share is phi.
std::uint32_t stair_of(const Settings& settings, const StepCounts& steps, std::uint64_t step) {
  if (settings.phi_warmup == PhiWarmup::dense || step >= steps.warmup) return 0;
  const auto stair = static_cast<std::uint32_t>(1 + kStairs * step / steps.warmup);
  return settings.phi < stair_share(stair) ? stair : 0;
}

double learning_rate(const Settings& settings, const StepCounts& steps, std::uint64_t step) {
  double rate =
      step < steps.warmup ? warmup_rate(settings, steps.warmup, step) : settings.learning_rate;
  for (int i = decays(steps, step); i > 0; --i) rate *= kDecay;
  return rate;
}

}  // namespace

Decimal stair_share(std::uint32_t stair) {
  Decimal share(1, 0);
  std::uint64_t digits = 1;
  for (std::uint32_t j = 1; j <= stair; ++j) {
    digits *= 25;
    share = Decimal(digits, 2 * j);
  }
  return share;
}

Settings settings_in(const Settings& settings, const Round& round) {
  Settings own = settings;
  if (round.stair > 0) own.phi = stair_share(round.stair);
  return own;
}

std::uint64_t steps_per_epoch(const Settings& settings, std::uint64_t train_images) {
  const std::uint64_t images = std::uint64_t{settings.workers} * settings.batch;
  return (train_images + images - 1) / images;
}

StepCounts step_counts(const Settings& settings, std::uint64_t train_images) {
  const std::uint64_t epoch_steps = steps_per_epoch(settings, train_images);
  const std::uint64_t total = settings.epochs * epoch_steps;
  const std::uint64_t proportional =
      std::max<std::uint64_t>(1, (2 * total * kWarmupParts + kParts) / (2 * kParts));
  return {.total = total,
          .warmup = settings.warmup_epochs ? std::min(*settings.warmup_epochs * epoch_steps, total)
                                           : proportional};
}

std::uint64_t training_images(const Settings& settings) {
  return settings.data == "synthetic" ? settings.synthetic_train : data::kCifar10Train;
}

std::vector<Round> plain_rounds(std::uint32_t dense, std::uint32_t sparse, std::uint32_t absent) {
  std::vector<Round> all(dense + sparse);
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    all[i].t = i + 1;
    all[i].first_step = i;
    all[i].steps = 1;
    all[i].dense = i < dense;
    all[i].first_sparse = i == dense;
    all[i].absent = all[i].first_sparse ? 0 : absent;
  }
  return all;
}

std::uint64_t round_count(const Settings& settings, std::uint64_t train_images) {
  const StepCounts steps = step_counts(settings, train_images);
  const std::uint64_t h = settings.local_steps;
  const std::uint64_t all = steps.warmup + (steps.total - steps.warmup + h - 1) / h;
  const std::uint64_t limit =
      settings.rounds > 0 ? settings.rounds : std::numeric_limits<std::uint32_t>::max();
  return std::min(all, limit);
}

std::vector<Round> schedule(const Settings& settings, std::uint64_t train_images) {
  const std::uint64_t epoch_steps = steps_per_epoch(settings, train_images);
  const StepCounts steps = step_counts(settings, train_images);
  const std::uint64_t count = round_count(settings, train_images);
  std::vector<Round> rounds;
  rounds.reserve(count);
  const std::uint64_t eval_steps = settings.eval_every * epoch_steps;
  for (std::uint64_t step = 0; rounds.size() < count;) {
    const bool warmup = step < steps.warmup;
    Round round;
    round.t = static_cast<std::uint32_t>(rounds.size() + 1);
    round.first_step = step;
    round.steps = warmup ? 1
                         : static_cast<std::uint32_t>(
                               std::min<std::uint64_t>(settings.local_steps, steps.total - step));
    round.dense =
        (warmup && settings.phi_warmup == PhiWarmup::dense) || settings.scheme->sparse() == nullptr;
    round.stair = round.dense ? 0 : stair_of(settings, steps, step);
    round.first_sparse = !round.dense && (rounds.empty() || rounds.back().dense ||
                                          rounds.back().stair != round.stair);
    if (settings.samples_workers() && !round.first_sparse) {
      round.absent = settings.workers - settings.participation;
    }
    round.learning_rate = learning_rate(settings, steps, step);
    if (!rounds.empty() && decays(steps, step) > decays(steps, rounds.back().first_step)) {
      round.decay = static_cast<float>(kDecay);
    }
    const std::uint64_t end = step + round.steps;
    round.evaluate = end / eval_steps > step / eval_steps;
    round.epoch = static_cast<double>(end) / static_cast<double>(epoch_steps);
    rounds.push_back(round);
    step = end;
  }
  rounds.back().evaluate = true;
  return rounds;
}

}  // namespace mvsgd::sim
