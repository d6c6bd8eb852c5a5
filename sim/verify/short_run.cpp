#include "sim/verify/short_run.hpp"

#include <utility>

#include "comm/inproc/inproc.hpp"
#include "sim/plan/presets.hpp"
#include "sim/verify/parts.hpp"

namespace mvsgd::sim {
namespace {

std::vector<float> first_theta() { return std::vector<float>(kShortD, 0.25F); }

/// An epoch of N batches of images is one step. After the warm-up the rate decays twice.
std::vector<Round> rounds_of(const Settings& settings) {
  std::vector<Round> rounds = schedule(settings, std::uint64_t{settings.workers} * settings.batch);
  for (Round& round : rounds) round.evaluate = false;
  return rounds;
}

}  // namespace

Settings short_settings(std::string_view name) {
  Settings settings = preset(name).settings;
  settings.epochs = kShortDense + kShortSparse * settings.local_steps;  // of one step each
  settings.warmup_epochs = kShortDense;
  settings.phi = Decimal(3, 2);
  settings.phi_ad = Decimal(4, 3);
  return settings;
}

ShortRun::ShortRun(const Settings& settings, Layers layers)
    : settings_(settings),
      layers_(std::move(layers)),
      rounds_(rounds_of(settings)),
      update_(kShortD, settings.workers, kVerifySeed, settings),
      definition_(settings, first_theta(), layers_) {}

GroupState ShortRun::run(const comm::WireObserver& on_message,
                         const std::function<void(const RoundRecord&)>& on_closed,
                         const CountsObserver& on_counts) {
  Slots slots(settings_.workers);
  comm::InprocGroup group(settings_.workers, on_message);
  return run_group({.group = group,
                    .settings = settings_,
                    .layers = layers_,
                    .rounds = rounds_,
                    .update = update_,
                    .slots = slots,
                    .on_closed = on_closed,
                    .on_counts = on_counts},
                   initial_state(settings_.workers, first_theta(), {}));
}

}  // namespace mvsgd::sim
