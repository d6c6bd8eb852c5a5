// mvsgd train.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/cli/commands.hpp"
#include "sim/cli/options.hpp"
#include "sim/cli/progress.hpp"
#include "sim/files/environment.hpp"
#include "sim/plan/presets.hpp"
#include "sim/run/checkpoint.hpp"
#include "sim/run/run_directory.hpp"
#include "sim/run/tensorboard.hpp"
#include "sim/run/wire_dump.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/compute.hpp"
#include "sim/train/images.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {
namespace {

struct TrainOptions {
  std::string preset;
  std::string config;
  std::string out;
  std::string resume;
  std::string baseline;
  std::string dump_wire;
  bool tensorboard = false;
  std::vector<std::uint32_t> dump_rounds{1};
  std::vector<std::string> sets;  ///< "key=value"
  GivenSettings by_name;          ///< from --key value
};

/// Preset, then file (a resumed run's own), then --set, then --key: what is named later counts.
Settings gather_settings(const TrainOptions& options) {
  Settings settings;
  std::optional<std::string> named;
  if (!options.preset.empty()) named = preset(options.preset).name;
  if (!options.resume.empty()) {
    settings = read_toml((std::filesystem::path(options.resume) / "config.toml").string(), {});
  } else if (!options.config.empty()) {
    settings = read_toml(options.config, named);
  } else if (named) {
    settings = preset(*named).settings;
  }
  GivenSettings values;
  for (const std::string& assignment : options.sets) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos) {
      throw UsageError(fmt::format("--set {}: key=value is wanted", assignment));
    }
    values.emplace_back(assignment.substr(0, equals), assignment.substr(equals + 1));
  }
  values.insert(values.end(), options.by_name.begin(), options.by_name.end());
  set(settings, values);
  validate(settings);
  return settings;
}

/// runs/NAME-seedS, or the first of runs/NAME-seedS-2, -3, ... that is free.
std::filesystem::path free_run_directory(const Settings& settings) {
  const std::string name =
      fmt::format("{}-seed{}", settings.preset.empty() ? "run" : settings.preset, settings.seed);
  std::filesystem::path path = std::filesystem::path("runs") / name;
  for (int i = 2; std::filesystem::exists(path); ++i) {
    path.replace_filename(fmt::format("{}-{}", name, i));
  }
  return path;
}

/// Seconds since 1970.
double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// When to pause for a checkpoint, and whether to go on after it.
class Saves {
 public:
  Saves(const Settings& settings, std::size_t rounds, const Interrupted& interrupted)
      : every_(settings.checkpoint_every), rounds_(rounds), asked_(&interrupted) {}

  /// Always before the last round, from where a run can go on to more `rounds`: the last one has an
  /// evaluation that a longer run does not have there.
  [[nodiscard]] bool is_due_after(const Round& round) const {
    if (round.t + 1 >= rounds_) return round.t + 1 == rounds_;
    const bool by_rounds = every_.rounds > 0 && round.t % every_.rounds == 0;
    const bool by_time =
        every_.minutes > 0 && Clock::now() - last_ >= std::chrono::minutes(every_.minutes);
    return by_rounds || by_time || is_interrupted();
  }
  void saved() { last_ = Clock::now(); }

  [[nodiscard]] bool is_interrupted() const { return *asked_ && (*asked_)(); }

 private:
  using Clock = std::chrono::steady_clock;

  CheckpointEvery every_;
  std::size_t rounds_;
  const Interrupted* asked_;
  Clock::time_point last_ = Clock::now();
};

/// Warns of what may make a resumed run another than it would have been.
void warn_of_changes(const CommandContext& context, const FoundCheckpoint& found,
                     const Environment& here) {
  for (const std::string& damaged : found.damaged) {
    warn(context, damaged + "; the one before it is taken");
  }
  if (!found.newest) return;
  for (const auto& [name, value] : found.newest->environment) {
    const auto now = std::ranges::find(here, name, &Environment::value_type::first);
    if (now == here.end() || now->second == value) continue;
    warn(context, fmt::format("{} is {} now and was {}: the digest may be another than in one go",
                              name, now->second, value));
  }
}

void print_resumed(std::ostream& out, const FoundCheckpoint& found) {
  if (!found.newest) {
    fmt::print(out, "no checkpoint yet: the run begins again\n");
    return;
  }
  fmt::print(out, "resumed after round {}\n", found.newest->state.group.t);
}

/// Warns of rounds to dump that this run does not do: after its last, or before it was resumed.
void warn_of_rounds_not_dumped(const CommandContext& context,
                               const std::vector<std::uint32_t>& wanted, std::uint32_t done,
                               std::size_t rounds) {
  for (const std::uint32_t t : wanted) {
    if (t <= rounds && (t > done || done == 0)) continue;
    warn(context, fmt::format("--dump-rounds {}: nothing to dump, this run does rounds {} to {}", t,
                              done == 0 ? 0 : done + 1, rounds));
  }
}

RunDirectory open_directory(const TrainOptions& options, const Settings& settings,
                            const Environment& here, const FoundCheckpoint& found) {
  if (!options.resume.empty()) return {options.resume, settings, here, found};
  return {options.out.empty() ? free_run_directory(settings) : std::filesystem::path(options.out),
          settings, here};
}

Exit train(const TrainOptions& options, const CommandContext& context) {
  std::ostream silent(nullptr);
  const Streams streams = told(context, silent);
  const Settings settings = gather_settings(options);
  std::optional<FinishedRun> baseline;
  if (!options.baseline.empty()) baseline = read_finished_run(options.baseline);
  Environment here = environment(make_backend(settings)->version());
  if (const std::string engines = engines_of(settings); !engines.empty()) {
    here.emplace_back("engines", engines);
  }
  if (const auto init = digest_of(settings.init)) here.emplace_back("init_sha256", init->sha256);
  const data::TrainTest images = load_images(settings);
  const std::vector<Round> rounds = schedule(settings, images.train.size());
  FoundCheckpoint found;
  if (!options.resume.empty()) found = find_checkpoint(options.resume, settings, rounds.size());
  warn_of_changes(context, found, here);
  TrialState begun = found.newest ? std::move(found.newest->state) : first_state(settings);
  std::optional<WireDump> dump;
  if (!options.dump_wire.empty()) dump.emplace(options.dump_wire, options.dump_rounds);
  RunDirectory directory = open_directory(options, settings, here, found);
  if (dump) {
    warn_of_rounds_not_dumped(context, options.dump_rounds, begun.group.t, rounds.size());
  }

  // A run that has an event file goes on with one.
  const bool had_events = cut_events_after(directory.path(), begun.group.t);
  std::optional<EventFile> events;
  if (options.tensorboard || had_events) events.emplace(directory.path(), wall_time());

  fmt::print(streams.out, "{}: {} training and {} test images, {} rounds, {} slots, in {}\n",
             settings.preset.empty() ? "train" : settings.preset, grouped(images.train.size()),
             grouped(images.test.size()), grouped(rounds.size()), slot_count(settings),
             directory.path().string());
  if (!options.resume.empty()) print_resumed(streams.out, found);
  const bool every_round = context.level == LogLevel::debug;
  Progress progress(streams.out, every_round ? 0 : streams.columns, rounds, begun, every_round);
  Saves saves(settings, rounds.size(), context.interrupted);
  TrialSinks sinks;
  sinks.on_round = [&](const TrialRound& round) {
    progress.add(round);
    const auto metrics = directory.add(round, progress.seconds());
    if (events && metrics) events->add(metrics->round, wall_time(), scalars_of(*metrics));
  };
  if (dump) {
    sinks.on_message = [&](std::uint32_t to, const comm::Message& message) {
      dump->add(to, message);
    };
  }
  (void)saves.is_interrupted();  // from now on an interrupt is kept until the round has ended
  std::uint32_t done = 0;
  sinks.pause_after = [&](const Round& round) { return saves.is_due_after(round); };
  sinks.on_pause = [&](const TrialState& state) {
    if (events) events->sync();
    directory.save(state);
    saves.saved();
    done = state.group.t;
    return !saves.is_interrupted();
  };
  const TrialResult result = run_trial(settings, images, sinks, context.law, std::move(begun));
  if (!result.finished) {
    progress.leave_bar();
    fmt::print(streams.err,
               "mvsgd: interrupted after round {} of {}; to go on:\n"
               "  mvsgd train --resume {}\n",
               done, rounds.size(), directory.path().string());
    return Exit::interrupted;
  }
  directory.finish(result, progress.seconds());
  print_summary(streams.out, settings, result, steps_per_epoch(settings, images.train.size()),
                progress.seconds(), baseline);
  return Exit::good;
}

}  // namespace

void add_train(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto options = std::make_shared<TrainOptions>();
  CLI::App* const command = app.add_subcommand("train", "Train, and count every bit");
  command->add_option("--preset", options->preset, "named settings ('mvsgd presets')");
  command->add_option("--config", options->config, "settings as TOML, such as a run's config.toml");
  command->add_option("--set", options->sets, "one setting; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  command->add_option("--out", options->out, "directory of the run; default runs/...");
  command
      ->add_option("--resume", options->resume,
                   "go on with the run in RUN_DIR from its newest checkpoint, with its settings; "
                   "slots, rounds, checkpoint_every and deadline may be given anew")
      ->type_name("RUN_DIR")
      ->excludes("--preset", "--config", "--out");
  command->add_option("--baseline", options->baseline, "a finished run to compare with");
  command->add_option("--dump-wire", options->dump_wire, "write messages as they cross to DIR")
      ->type_name("DIR");
  command
      ->add_option("--dump-rounds", options->dump_rounds,
                   "the rounds to dump, 0 for the initial model; default 1")
      ->delimiter(',');
  command->add_flag(
      "--tensorboard", options->tensorboard,
      "write an event file for TensorBoard into the run's directory; a resumed run that "
      "has one goes on with it");
  add_setting_options(*command, options->by_name, [](std::string_view) { return true; });
  command->footer(R"(Examples:
  mvsgd train --preset demo
  mvsgd train --preset ssgd-mv-l4 --data cifar-10 --width 16 --epochs 10
  mvsgd train --config runs/demo-seed1/config.toml --seed 2 --tensorboard
  mvsgd train --preset demo --quiet --out runs/mine
  mvsgd train --resume runs/mine)");
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] { return train(*options, context); };
  });
}

}  // namespace mvsgd::sim
