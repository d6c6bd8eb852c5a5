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
#include "sim/files/model_file.hpp"
#include "sim/run/checkpoint.hpp"
#include "sim/run/run_directory.hpp"
#include "sim/run/run_history.hpp"
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
  Pauses(const Settings& settings, std::size_t rounds, std::function<bool()> interrupted)
      : every_(settings.checkpoint_every), rounds_(rounds), interrupted_(std::move(interrupted)) {}

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
    return interrupted_();
  }

 private:
  CheckpointEvery every_;
  std::size_t rounds_;
  std::function<bool()> interrupted_;
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

/// Throws InputError, too, if a run that has ended could only begin again. One that ended after its
/// first round, before which no checkpoint is saved, has nothing else to lose.
FoundCheckpoint checkpoint_to_go_on_from(const std::filesystem::path& run, const Settings& settings,
                                         std::size_t rounds) {
  FoundCheckpoint found = find_checkpoint(run, settings, rounds);
  const auto ended_after_one = [&] { return read_run_history(run).last_round() == 1; };
  if (!found.newest && has_finished(run) && (rounds == 1 || !ended_after_one())) {
    throw InputError(
        fmt::format("{}: the run has ended, and there is no checkpoint to go on from; with --out "
                    "and another directory, the settings in its config.toml begin anew",
                    run.string()));
  }
  return found;
}

/// What a run begins with. It is complete before anything is written.
struct Beginning {
  Settings settings;
  MemoryEstimate memory;
  Environment here;
  data::TrainTest images;
  std::vector<Round> rounds;  ///< all of the run
  FoundCheckpoint found;      ///< without the state of its newest, which is below
  TrialState state;
};

Beginning beginning_of(const std::filesystem::path& path, const Settings& given,
                       const TrainingOptions& options, const TrainingSinks& sinks,
                       comm::Processes& processes) {
  Settings settings = given;
  settings.data = absolute_data(given);
  const MemoryEstimate memory = memory_here(processes, settings);
  if (const auto warning = check_machine(memory)) warn(sinks, *warning);
  Environment here = environment_of(settings);
  data::TrainTest images = load_images(settings);
  agree(processes, settings, images);
  if (settings.data != "synthetic") here.emplace_back(kImagesDigest, digest_of(images));
  std::vector<Round> rounds = schedule(settings, images.train.size());
  FoundCheckpoint found;
  if (options.resume) found = checkpoint_to_go_on_from(path, settings, rounds.size());
  check_images(settings, found, here);
  warn_of_changes(sinks, found, here);
  if (found.newest) {
    auto& bits = std::ranges::find(here, "bits", &Environment::value_type::first)->second;
    bits = joined_bits(value_of(found.newest->environment, "bits"), bits);
  }
  TrialState state = found.newest ? std::move(found.newest->state) : first_state(settings);
  if (!found.newest && settings.init != kRandomInit) {
    for (const std::string& remark : remarks_on_model(settings.init)) {
      warn(sinks, fmt::format("{}: {}", settings.init, remark));
    }
  }
  return {.settings = std::move(settings),
          .memory = memory,
          .here = std::move(here),
          .images = std::move(images),
          .rounds = std::move(rounds),
          .found = std::move(found),
          .state = std::move(state)};
}

/// Throws UsageError if the dump's files would stand between those of the run.
void refuse_dump_in(const std::filesystem::path& run, const std::optional<DumpOptions>& dump) {
  if (!dump) return;
  const auto spelt_out = [](const std::filesystem::path& path) {
    std::error_code error;  // what cannot be looked at is refused when it is made
    const std::filesystem::path whole = std::filesystem::absolute(path, error) / "";
    const std::filesystem::path direct = std::filesystem::weakly_canonical(whole, error);
    return error ? whole : direct;
  };
  if (spelt_out(run) != spelt_out(dump->directory)) return;
  throw UsageError(
      fmt::format("--dump-wire {}: that is the run's own directory", dump->directory.string()));
}

/// What a run writes.
struct OpenFiles {
  std::optional<WireDump> dump;
  RunDirectory directory;
  std::optional<EventFile> events;
};

std::optional<WireDump> open_dump(const std::optional<DumpOptions>& options) {
  if (!options) return std::nullopt;
  return std::optional<WireDump>(std::in_place, options->directory, options->rounds);
}

RunDirectory open_directory(const std::filesystem::path& path, const Beginning& begun,
                            const TrainingOptions& options) {
  if (options.resume) return {path, begun.settings, begun.here, begun.found};
  return {path, begun.settings, begun.here};
}

/// Cuts the event files that there are, which then get a further one. None if the run has none.
std::optional<EventFile> open_events(const std::filesystem::path& path,
                                     const std::vector<EventCut>& cuts, const TrialState& state,
                                     const TrainingOptions& options) {
  cut_events(cuts);
  if (!cuts.empty()) {
    const std::uint32_t first = state.group.t + (state.evaluation_due ? 0 : 1);
    return std::optional<EventFile>(std::in_place, path, wall_time(), first);
  }
  if (!options.events) return std::nullopt;
  return std::optional<EventFile>(std::in_place, path, wall_time());
}

OpenFiles open_files(const std::filesystem::path& path, const Beginning& begun,
                     const TrainingOptions& options) {
  std::vector<EventCut> cuts;
  if (options.resume) cuts = event_cuts_after(path, begun.state.group.t);
  return {.dump = open_dump(options.dump),
          .directory = open_directory(path, begun, options),
          .events = open_events(path, cuts, begun.state, options)};
}

/// A run from its first round here on: what run_trial() tells is written, told on, and saved.
class RunUnderWay {
 public:
  RunUnderWay(const Beginning& begun, OpenFiles& files, Pauses& pauses, const TrainingSinks& sinks,
              comm::Processes& processes)
      : begun_(&begun),
        files_(&files),
        pauses_(&pauses),
        sinks_(&sinks),
        processes_(&processes),
        earlier_(begun.state.seconds),
        t_(begun.state.group.t),
        saved_(t_) {}

  /// For run_trial(). They refer to this.
  [[nodiscard]] TrialSinks trial_sinks();
  [[nodiscard]] std::uint32_t rounds_done() const { return t_; }
  /// The run's wall time, with its earlier parts.
  [[nodiscard]] double seconds() const { return earlier_ + seconds_since(start_); }

 private:
  void add(const RoundRecord& record);
  void add(const Evaluation& evaluation);
  /// Saves a checkpoint, and tells the other processes whether the run goes on.
  [[nodiscard]] bool pause(const TrialState& state);

  const Beginning* begun_;
  OpenFiles* files_;
  Pauses* pauses_;
  const TrainingSinks* sinks_;
  comm::Processes* processes_;
  double earlier_;
  Clock::time_point start_ = Clock::now();
  std::uint32_t t_;
  std::uint32_t saved_;  // giving up a round may lead back to it
};

TrialSinks RunUnderWay::trial_sinks() {
  TrialSinks sinks;
  sinks.on_round = [this](const RoundRecord& record) { add(record); };
  sinks.on_evaluation = [this](const Evaluation& evaluation) { add(evaluation); };
  if (files_->dump) {
    sinks.on_message = [this](std::uint32_t to, const comm::Message& message) {
      files_->dump->add(to, message);
    };
  }
  if (sinks_->interrupted || processes_->count() > 1) {
    sinks.gives_up = [this] { return pauses_->is_interrupted() || processes_->is_lost(); };
  }
  sinks.pause_after = [this](const Round& round) { return pauses_->is_due_after(round); };
  sinks.on_pause = [this](const TrialState& state) { return pause(state); };
  return sinks;
}

void RunUnderWay::add(const RoundRecord& record) {
  if (sinks_->on_round) sinks_->on_round(record, seconds());
  const auto metrics = files_->directory.add(record, seconds());
  t_ = record.round.t;
  if (files_->events && metrics) {
    files_->events->add(metrics->round, wall_time(), scalars_of(*metrics));
  }
}

void RunUnderWay::add(const Evaluation& evaluation) {
  if (sinks_->on_evaluation) sinks_->on_evaluation(begun_->rounds[t_ - 1], evaluation);
  const RoundMetrics metrics = files_->directory.add_evaluation(evaluation, seconds());
  if (files_->events) files_->events->add(metrics.round, wall_time(), scalars_of(metrics));
}

bool RunUnderWay::pause(const TrialState& state) {
  if (state.group.t > saved_) {
    if (files_->events) files_->events->sync();
    files_->directory.save(state);
    saved_ = state.group.t;
  }
  pauses_->saved();
  const bool goes_on = !pauses_->is_interrupted();
  for (std::uint32_t p = 1; p < processes_->count(); ++p) {
    processes_->send(p, comm::Processes::Blob(goes_on ? 1 : 0));
  }
  return goes_on;
}

/// run_trial(), whose failures say how far the run has come.
TrialResult train(RunUnderWay& run, Beginning& begun, const LawConstants& law,
                  comm::Processes& processes) {
  try {
    return run_trial(settings_here(processes, begun.settings), begun.images, run.trial_sinks(), law,
                     std::move(begun.state), &processes);
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(
        fmt::format("memory ran out after round {} of {}, {} MB of it in use: this run needs about "
                    "{}; something else has taken what there was when it began",
                    run.rounds_done(), begun.rounds.size(), most_resident() / 1'000'000,
                    text_of(begun.memory)));
  } catch (const comm::TransportError& e) {
    if (processes.count() == 1) throw;
    throw comm::TransportError(
        fmt::format("after round {} of {}: {}", run.rounds_done(), begun.rounds.size(), e.what()));
  }
}

}  // namespace

TrainingEnd train_in(const std::filesystem::path& path, const Settings& given,
                     const TrainingOptions& options, const TrainingSinks& sinks,
                     const LawConstants& law) {
  comm::OneProcess alone;
  comm::Processes& processes = options.processes != nullptr ? *options.processes : alone;
  refuse_dump_in(path, options.dump);
  Beginning begun = beginning_of(path, given, options, sinks, processes);
  Pauses pauses(begun.settings, begun.rounds.size(), [&] {
    return (sinks.interrupted && sinks.interrupted()) || processes.is_asked_to_stop();
  });
  // From now on an interrupt ends the run in order, so that no directory is left half made.
  (void)pauses.is_interrupted();
  OpenFiles files = open_files(path, begun, options);
  if (options.dump) {
    warn_of_rounds_not_dumped(sinks, options.dump->rounds, begun.state.group.t,
                              begun.rounds.size());
  }
  send_start(processes, begun.state);
  if (sinks.on_start) {
    sinks.on_start({.images = begun.images,
                    .rounds = begun.rounds,
                    .memory = begun.memory,
                    .state = begun.state});
  }
  RunUnderWay run(begun, files, pauses, sinks, processes);
  TrainingEnd end{.result = train(run, begun, law, processes),
                  .t = run.rounds_done(),
                  .rounds = begun.rounds.size(),
                  .steps_per_epoch = steps_per_epoch(begun.settings, begun.images.train.size()),
                  .seconds = run.seconds()};
  if (end.result.finished) files.directory.finish(end.result, end.seconds);
  return end;
}

}  // namespace mvsgd::sim
