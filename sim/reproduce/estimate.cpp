#include "sim/reproduce/estimate.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "data/cifar10.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/train/compute.hpp"
#include "sim/train/images.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint32_t kTestImages = 256;

}  // namespace

Speed measured_speed(const Settings& settings, std::uint32_t slots) {
  // The first round allocates what later ones reuse, and the last one is evaluated.
  constexpr std::uint32_t kRounds = 5;
  Settings probe = settings;
  probe.workers = slots;
  probe.participation = 0;
  probe.local_steps = 1;
  probe.rounds = kRounds;
  probe.epochs = kRounds;
  probe.eval_every = kRounds;
  if (probe.scheme->sparse() != nullptr) probe.warmup_epochs = 0;
  probe.learning_rate = 0;  // so that no settings diverge
  probe.init = kRandomInit;
  probe.data = "synthetic";
  probe.synthetic_train = slots * settings.batch;
  probe.synthetic_test = kTestImages;
  std::vector<std::chrono::steady_clock::time_point> ends;
  TrialSinks sinks;
  sinks.on_round = [&](const RoundRecord& record) {
    if (record.round.t > 0) ends.push_back(std::chrono::steady_clock::now());
  };
  (void)run_trial(probe, load_images(probe), sinks);
  const auto seconds = [&](std::size_t from, std::size_t to) {
    return std::chrono::duration<double>(ends.at(to) - ends.at(from)).count();
  };
  Speed speed;
  speed.wave = seconds(0, kRounds - 2) / (kRounds - 2);
  speed.image = std::max(0., seconds(kRounds - 2, kRounds - 1) - speed.wave) / kTestImages;
  return speed;
}

double Estimate::seconds(const Settings& settings) {
  const auto slots =
      static_cast<std::uint32_t>(std::min<std::size_t>(slot_count(settings), settings.workers));
  const Size size{settings.width, settings.batch, slots};
  auto speed = speeds_.find(size);
  if (speed == speeds_.end()) speed = speeds_.emplace(size, measure_(settings, slots)).first;
  const std::size_t test =
      settings.data == "synthetic" ? settings.synthetic_test : data::kCifar10Test;
  double waves = 0;
  double evaluations = 0;
  for (const Round& round : schedule(settings, training_images(settings))) {
    const double taking = settings.workers - round.absent;
    waves += round.steps * std::max(taking / slots, 1.);
    evaluations += round.evaluate ? 1 : 0;
  }
  return waves * speed->second.wave + evaluations * static_cast<double>(test) * speed->second.image;
}

}  // namespace mvsgd::sim
