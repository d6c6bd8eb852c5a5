#include "sim/run/training_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "comm/inproc/one_process.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/environment.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/memory_limits.hpp"
#include "sim/files/model_file.hpp"
#include "sim/run/checkpoint.hpp"
#include "sim/run/run_directory.hpp"
#include "sim/run/shared_run.hpp"
#include "sim/run/tensorboard.hpp"
#include "sim/run/wire_dump.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/images.hpp"

namespace mvsgd::sim {
namespace {

using Clock = std::chrono::steady_clock;

/// Seconds since 1970.
double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Decides after which rounds to pause for a checkpoint, and whether to go on then.
class Pauses {
 public:
  Pauses(const Settings& settings, std::size_t rounds, const std::function<bool()>& interrupted)
      : every_(settings.checkpoint_every), rounds_(rounds), interrupted_(&interrupted) {}

  /// Always true before the last round, so that a run can go on from there to more `rounds`: the
  /// last round has an evaluation, which a longer run does not have in that round.
  [[nodiscard]] bool is_due_after(const Round& round) const {
    if (round.t + 1 >= rounds_) return round.t + 1 == rounds_;
    const bool by_rounds = every_.rounds > 0 && round.t % every_.rounds == 0;
    const bool by_time =
        every_.minutes > 0 && Clock::now() - last_ >= std::chrono::minutes(every_.minutes);
    return by_rounds || by_time || is_interrupted();
  }
  void saved() { last_ = Clock::now(); }

  /// Thread-safe.
  [[nodiscard]] bool is_interrupted() const {
    const std::lock_guard lock(asking_);
    return *interrupted_ && (*interrupted_)();
  }

 private:
  CheckpointEvery every_;
  std::size_t rounds_;
  const std::function<bool()>* interrupted_;
  mutable std::mutex asking_;
  Clock::time_point last_ = Clock::now();
};

Environment environment_of(const Settings& settings) {
  Environment here = environment(make_backend(settings)->version());
  here.emplace_back("bits", bits_of(settings));
  if (const std::string engines = engines_of(settings); !engines.empty()) {
    here.emplace_back("engines", engines);
  }
  if (const auto init = digest_of(settings.init)) here.emplace_back("init_sha256", init->sha256);
  return here;
}

void warn(const TrainingSinks& sinks, const std::string& text) {
  if (sinks.warn) sinks.warn(text);
}

/// Whether this name's value may differ between two machines without changing portable bits.
bool is_of_machine(std::string_view name) {
  constexpr std::array<std::string_view, 6> kOfMachine{
      "compiler", "backend_version", "processor", "instruction_set", "caches", "engines"};
  return std::ranges::find(kOfMachine, name) != kOfMachine.end();
}

/// Warns of changes that may make a resumed run differ from one that was never interrupted.
void warn_of_changes(const TrainingSinks& sinks, const FoundCheckpoint& found,
                     const Environment& here) {
  for (const std::string& damaged : found.damaged) {
    warn(sinks, damaged + "; the one before it is taken");
  }
  if (!found.newest) return;
  const bool portable = value_of(here, "bits") == kPortable;
  for (const auto& [name, value] : found.newest->environment) {
    // `bits` follows from the others.
    if (name == "bits" || (portable && is_of_machine(name))) continue;
    const auto now = std::ranges::find(here, name, &Environment::value_type::first);
    if (now == here.end() || now->second == value) continue;
    warn(sinks, fmt::format("{} is {} now and was {}: the digest may be another than in one go",
                            name, now->second, value));
  }
}

/// Throws InputError if the images are not those that the checkpoint was trained on.
void check_images(const Settings& settings, const FoundCheckpoint& found, const Environment& here) {
  if (!found.newest) return;
  const std::string there = value_of(found.newest->environment, kImagesDigest);
  const std::string now = value_of(here, kImagesDigest);
  if (there.empty() || there == now) return;
  throw InputError(fmt::format("{}: other images than those of the run: SHA-256 {}, not {}",
                               settings.data, now, there));
}

/// The `bits` of a run that goes on here from a checkpoint: both places' if they differ.
std::string joined_bits(const std::string& there, const std::string& here) {
  const std::string then = "; then " + here;
  if (there.empty() || there == here) return here;
  return there.ends_with(then) ? there : there + then;
}

/// Warns of rounds to dump that this run does not run: rounds past its last, or before it was
/// resumed.
void warn_of_rounds_not_dumped(const TrainingSinks& sinks, const std::vector<std::uint32_t>& wanted,
                               std::uint32_t done, std::size_t rounds) {
  for (const std::uint32_t t : wanted) {
    if (t <= rounds && (t > done || done == 0)) continue;
    warn(sinks, fmt::format("--dump-rounds {}: nothing to dump, this run does rounds {} to {}", t,
                            done == 0 ? 0 : done + 1, rounds));
  }
}

/// Throws InputError, too, if a run that has ended could only begin again.
FoundCheckpoint checkpoint_to_go_on_from(const std::filesystem::path& run, const Settings& settings,
                                         std::size_t rounds) {
  FoundCheckpoint found = find_checkpoint(run, settings, rounds);
  if (!found.newest && has_finished(run)) {
    throw InputError(
        fmt::format("{}: the run has ended, and there is no checkpoint to go on from; with --out "
                    "and another directory, the settings in its config.toml begin anew",
                    run.string()));
  }
  return found;
}

RunDirectory open_directory(const std::filesystem::path& path, const Settings& settings,
                            const TrainingOptions& options, const Environment& here,
                            const FoundCheckpoint& found) {
  if (options.resume) return {path, settings, here, found};
  return {path, settings, here};
}

}  // namespace

TrainingEnd train_in(const std::filesystem::path& path, const Settings& given,
                     const TrainingOptions& options, const TrainingSinks& sinks,
                     const LawConstants& law) {
  Settings settings = given;
  settings.data = absolute_data(given);
  comm::OneProcess alone;
  comm::Processes& processes = options.processes != nullptr ? *options.processes : alone;
  const MemoryEstimate memory = memory_here(processes, settings);
  if (const auto warning = check_memory(memory, memory_limits())) warn(sinks, *warning);
  Environment here = environment_of(settings);
  const data::TrainTest images = load_images(settings);
  agree(processes, settings, images);
  if (settings.data != "synthetic") here.emplace_back(kImagesDigest, digest_of(images));
  const std::vector<Round> rounds = schedule(settings, images.train.size());
  FoundCheckpoint found;
  if (options.resume) found = checkpoint_to_go_on_from(path, settings, rounds.size());
  check_images(settings, found, here);
  warn_of_changes(sinks, found, here);
  if (found.newest) {
    auto& bits = std::ranges::find(here, "bits", &Environment::value_type::first)->second;
    bits = joined_bits(value_of(found.newest->environment, "bits"), bits);
  }
  TrialState begun = found.newest ? std::move(found.newest->state) : first_state(settings);
  if (!found.newest && settings.init != kRandomInit) {
    for (const std::string& remark : remarks_on_model(settings.init)) {
      warn(sinks, fmt::format("{}: {}", settings.init, remark));
    }
  }
  const std::function<bool()> interrupted = [&] {
    return (sinks.interrupted && sinks.interrupted()) || processes.is_asked_to_stop();
  };
  Pauses pauses(settings, rounds.size(), interrupted);
  // From now on an interrupt ends the run in order, so that no directory is left half made.
  (void)pauses.is_interrupted();
  std::optional<WireDump> dump;
  if (options.dump) dump.emplace(options.dump->directory, options.dump->rounds);
  std::vector<EventCut> cuts;
  if (options.resume) cuts = event_cuts_after(path, begun.group.t);
  RunDirectory directory = open_directory(path, settings, options, here, found);
  if (dump) warn_of_rounds_not_dumped(sinks, options.dump->rounds, begun.group.t, rounds.size());

  // A run that already has event files gets a further one.
  cut_events(cuts);
  std::optional<EventFile> events;
  if (!cuts.empty()) {
    events.emplace(directory.path(), wall_time(), begun.group.t + (begun.evaluation_due ? 0 : 1));
  } else if (options.events) {
    events.emplace(directory.path(), wall_time());
  }

  send_start(processes, begun);
  if (sinks.on_start)
    sinks.on_start({.images = images, .rounds = rounds, .memory = memory, .state = begun});
  const double earlier = begun.seconds;
  const Clock::time_point start = Clock::now();
  const auto seconds = [&] { return earlier + seconds_since(start); };
  std::uint32_t t = begun.group.t;
  std::uint32_t saved = t;  // giving up a round may lead back to it
  TrialSinks trial_sinks;
  trial_sinks.on_round = [&](const RoundRecord& record) {
    if (sinks.on_round) sinks.on_round(record, seconds());
    const auto metrics = directory.add(record, seconds());
    t = record.round.t;
    if (events && metrics) events->add(metrics->round, wall_time(), scalars_of(*metrics));
  };
  trial_sinks.on_evaluation = [&](const Evaluation& evaluation) {
    if (sinks.on_evaluation) sinks.on_evaluation(rounds[t - 1], evaluation);
    const RoundMetrics metrics = directory.add_evaluation(evaluation, seconds());
    if (events) events->add(metrics.round, wall_time(), scalars_of(metrics));
  };
  if (dump) {
    trial_sinks.on_message = [&](std::uint32_t to, const comm::Message& message) {
      dump->add(to, message);
    };
  }
  if (sinks.interrupted || processes.count() > 1) {
    trial_sinks.gives_up = [&] { return pauses.is_interrupted() || processes.is_lost(); };
  }
  trial_sinks.pause_after = [&](const Round& round) { return pauses.is_due_after(round); };
  trial_sinks.on_pause = [&](const TrialState& state) {
    if (state.group.t > saved) {
      if (events) events->sync();
      directory.save(state);
      saved = state.group.t;
    }
    pauses.saved();
    const bool goes_on = !pauses.is_interrupted();
    for (std::uint32_t p = 1; p < processes.count(); ++p) {
      processes.send(p, comm::Processes::Blob(goes_on ? 1 : 0));
    }
    return goes_on;
  };
  const auto train = [&] {
    try {
      return run_trial(settings_here(processes, settings), images, trial_sinks, law,
                       std::move(begun), &processes);
    } catch (const std::bad_alloc&) {
      throw std::runtime_error(fmt::format(
          "memory ran out after round {} of {}, {} MB of it in use: this run needs about "
          "{}; something else has taken what there was when it began",
          t, rounds.size(), most_resident() / 1'000'000, text_of(memory)));
    } catch (const comm::TransportError& e) {
      if (processes.count() == 1) throw;
      throw comm::TransportError(
          fmt::format("after round {} of {}: {}", t, rounds.size(), e.what()));
    }
  };
  TrainingEnd end{.result = train(),
                  .t = t,
                  .rounds = rounds.size(),
                  .steps_per_epoch = steps_per_epoch(settings, images.train.size()),
                  .seconds = seconds()};
  if (end.result.finished) directory.finish(end.result, end.seconds);
  return end;
}

}  // namespace mvsgd::sim
