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
#include <utility>
#include <vector>

#include "data/cifar10.hpp"
#include "data/synthetic.hpp"
#include "sim/backends.hpp"
#include "sim/commands.hpp"
#include "sim/environment.hpp"
#include "sim/presets.hpp"
#include "sim/progress.hpp"
#include "sim/run_directory.hpp"
#include "sim/tensorboard.hpp"
#include "sim/trial.hpp"
#include "sim/wire_dump.hpp"

namespace mvsgd::sim {
namespace {

struct TrainOptions {
  std::string preset;
  std::string config;
  std::string out;
  std::string baseline;
  std::string dump_wire;
  bool tensorboard = false;
  std::vector<std::uint32_t> dump_rounds{1};
  std::vector<std::string> sets;                             ///< "key=value"
  std::vector<std::pair<std::string, std::string>> by_name;  ///< from --key value
};

/// Preset, then file, then --set, then --key: what is named later counts.
Settings gather_settings(const TrainOptions& options) {
  Settings settings;
  std::optional<std::string> named;
  if (!options.preset.empty()) named = preset(options.preset).name;
  if (!options.config.empty()) {
    settings = read_toml(options.config, named);
  } else if (named) {
    settings = preset(*named).settings;
  }
  std::vector<std::pair<std::string, std::string>> values;
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

data::TrainTest load_images(const Settings& settings) {
  if (settings.data != "synthetic") return data::read_cifar10(settings.data);
  return data::synthesize({.train = settings.synthetic_train, .test = settings.synthetic_test});
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

Exit train(const TrainOptions& options, const CommandContext& context) {
  std::ostream silent(nullptr);
  const Streams streams = told(context, silent);
  const Settings settings = gather_settings(options);
  std::optional<FinishedRun> baseline;
  if (!options.baseline.empty()) baseline = read_finished_run(options.baseline);
  const std::string backend_version = make_backend(settings)->version();
  const data::TrainTest images = load_images(settings);
  const std::vector<Round> rounds = schedule(settings, images.train.size());

  RunDirectory directory(
      options.out.empty() ? free_run_directory(settings) : std::filesystem::path(options.out),
      settings, environment(backend_version));
  std::optional<WireDump> dump;
  if (!options.dump_wire.empty()) dump.emplace(options.dump_wire, options.dump_rounds);

  std::optional<EventFile> events;
  if (options.tensorboard) events.emplace(directory.path(), wall_time());

  fmt::print(streams.out, "{}: {} training and {} test images, {} rounds, {} slots, in {}\n",
             settings.preset.empty() ? "train" : settings.preset, grouped(images.train.size()),
             grouped(images.test.size()), grouped(rounds.size()), slot_count(settings),
             directory.path().string());
  const bool every_round = context.level == LogLevel::debug;
  Progress progress(streams.out, every_round ? 0 : streams.columns, rounds, every_round);
  TrialSinks sinks;
  sinks.on_round = [&](const TrialRound& round) {
    progress.add(round);
    directory.add(round, progress.seconds());
    if (const std::uint32_t t = round.record.round.t; events && t > 0) {
      events->add(t, wall_time(), scalars_of(round));
    }
  };
  if (dump) {
    sinks.on_message = [&](std::uint32_t to, const comm::Message& message) {
      dump->add(to, message);
    };
  }
  const TrialResult result = run_trial(settings, images, sinks, context.law);
  directory.finish(result, progress.seconds());
  print_summary(streams.out, settings, result, steps_per_epoch(settings, images.train.size()),
                progress.seconds(), baseline);
  return Exit::good;
}

/// --key for every key, with - for _ as well.
void add_setting_options(CLI::App& command, TrainOptions& options) {
  for (const Key& key : keys()) {
    std::string names = fmt::format("--{}", key.name);
    if (key.name.find('_') != std::string_view::npos) {
      std::string dashed(key.name);
      std::replace(dashed.begin(), dashed.end(), '_', '-');
      names += ",--" + dashed;
    }
    command
        .add_option_function<std::string>(
            names,
            [&options, name = std::string(key.name)](const std::string& value) {
              options.by_name.emplace_back(name, value);
            },
            std::string(key.help))
        ->group("Settings")
        ->type_name("VALUE");
  }
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
  command->add_option("--baseline", options->baseline, "a finished run to compare with");
  command->add_option("--dump-wire", options->dump_wire, "write messages as they cross to DIR")
      ->type_name("DIR");
  command
      ->add_option("--dump-rounds", options->dump_rounds,
                   "the rounds to dump, 0 for the initial model; default 1")
      ->delimiter(',');
  command->add_flag("--tensorboard", options->tensorboard,
                    "write an event file for TensorBoard into the run's directory");
  add_setting_options(*command, *options);
  command->footer(R"(Examples:
  mvsgd train --preset demo
  mvsgd train --preset ssgd-mv-l4 --data cifar-10 --width 16 --epochs 10
  mvsgd train --config runs/demo-seed1/config.toml --seed 2 --tensorboard
  mvsgd train --preset demo --quiet --out runs/mine)");
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] { return train(*options, context); };
  });
}

}  // namespace mvsgd::sim
