// mvsgd train.
#include "sim/cli/train.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cli/options.hpp"
#include "sim/cli/progress.hpp"
#include "sim/cli/summary.hpp"
#include "sim/cli/transports.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/plan/effect.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/run/run_archive.hpp"
#include "sim/run/shared_run.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/compute.hpp"
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
  std::string transport{kThreads};
  bool tensorboard = false;
  std::vector<std::string> dump_rounds;
  GivenSettings given;  ///< from --set key=value and --key value, in order
};

/// Layers the preset, then the file (a resumed run's own), then --set and --key; later layers
/// count.
Settings gather_settings(const TrainOptions& options) {
  FileSettings begun;
  std::optional<std::string> named;
  if (!options.preset.empty()) named = preset(options.preset).name;
  if (!options.resume.empty()) {
    refuse_unless_directory(options.resume);
    const std::filesystem::path config = std::filesystem::path(options.resume) / "config.toml";
    begun.settings = read_run_settings(config).settings;
  } else if (!options.config.empty()) {
    begun = read_file_settings(options.config, named);
  } else if (named) {
    begun.settings = preset(*named).settings;
  }
  Settings settings = begun.settings;
  set(settings, options.given);
  validate(settings);
  check_backend(settings);
  const Ranks ranks = options.transport == kThreads ? Ranks::threads : Ranks::processes;
  refuse_without_effect(settings, given_by_name(begun.settings, options.given), ranks);
  std::erase_if(begun.named, [&](const GivenKey& of_file) {
    return std::ranges::count(options.given, of_file.key, &GivenSettings::value_type::first) > 0;
  });
  refuse_without_effect(settings, begun.named, ranks);
  return settings;
}

std::pair<std::string, std::string> assigned(const std::string& text) {
  if (text.empty()) throw UsageError("--set '': it may not be empty");
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    throw UsageError(fmt::format("--set {}: key=value is wanted", text));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::vector<std::uint32_t> rounds_of(const std::vector<std::string>& texts) {
  if (texts.empty()) return {1};
  std::vector<std::uint32_t> rounds;
  for (const std::string& text : texts) {
    std::uint32_t round = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), round);
    if (error != std::errc() || end != text.data() + text.size()) {
      throw UsageError(
          fmt::format("--dump-rounds {}: whole numbers from 0 to {} are wanted, as 0,1,25", text,
                      std::numeric_limits<std::uint32_t>::max()));
    }
    rounds.push_back(round);
  }
  return rounds;
}

/// runs/NAME-seedS, or the first of runs/NAME-seedS-2, -3, ... that is free.
std::filesystem::path free_run_directory(const Settings& settings) {
  const std::string name =
      fmt::format("{}-seed{}", settings.preset.empty() ? "run" : settings.preset, settings.seed);
  std::filesystem::path path = std::filesystem::path("runs") / name;
  std::error_code error;  // what cannot be looked at is refused when it is made
  for (int i = 2; std::filesystem::exists(path, error); ++i) {
    path.replace_filename(fmt::format("{}-{}", name, i));
  }
  return path;
}

/// Of several processes one alone is sure to see a run's directory.
Settings settings_of(const TrainOptions& options, comm::Processes& processes) {
  if (processes.count() == 1 || options.resume.empty()) return gather_settings(options);
  return share_settings(processes, processes.leads() ? gather_settings(options) : Settings());
}

Exit train(const TrainOptions& options, const CommandContext& context, comm::Processes& processes) {
  const Settings settings = settings_of(options, processes);
  check_processes(processes, settings, !options.dump_wire.empty());
  if (!processes.leads()) {
    if (context.level == LogLevel::debug) {
      fmt::print(context.streams.out, "{}: memory: about {}\n",
                 processes.name_of(processes.index()), text_of(memory_here(processes, settings)));
    }
    const TrainingSinks asks{.warn = [&](std::string_view text) { warn(context, text); },
                             .on_start = {},
                             .on_round = {},
                             .on_evaluation = {},
                             .interrupted = context.interrupted};
    return train_share(processes, settings, asks, context.law) ? Exit::good : Exit::interrupted;
  }
  std::optional<FinishedRun> baseline;
  if (!options.baseline.empty()) baseline = of_run(options.baseline, read_finished_run);
  const bool resume = !options.resume.empty();
  const bool named = resume || !options.out.empty();
  const std::filesystem::path directory =
      named ? std::filesystem::path(resume ? options.resume : options.out)
            : free_run_directory(settings);
  TrainingOptions training{.resume = resume,
                           .events = options.tensorboard,
                           .dump = std::nullopt,
                           .processes = &processes};
  const std::vector<std::uint32_t> dump_rounds = rounds_of(options.dump_rounds);
  if (options.dump_wire.empty() && !options.dump_rounds.empty()) {
    throw UsageError("--dump-rounds: without --dump-wire DIR nothing is dumped");
  }
  if (!options.dump_wire.empty()) {
    training.dump = {.directory = options.dump_wire, .rounds = dump_rounds};
  }
  return train_and_show(directory, settings, training, baseline, context);
}

}  // namespace

Exit train_and_show(const std::filesystem::path& directory, const Settings& settings,
                    const TrainingOptions& options, const std::optional<FinishedRun>& baseline,
                    const CommandContext& context) {
  std::ostream silent(nullptr);
  const Streams streams = progress_streams(context, silent);
  const bool every_round = context.level == LogLevel::debug;
  std::optional<Progress> progress;
  TrainingSinks sinks;
  sinks.warn = [&](std::string_view text) { warn(context, text); };
  sinks.on_start = [&](const TrainingStart& start) {
    fmt::print(streams.out, "{}: {} training and {} test images, {}, {}, in {}\n",
               settings.preset.empty() ? "train" : settings.preset,
               grouped(start.images.train.size()), grouped(start.images.test.size()),
               counted(start.rounds.size(), "round"), counted(slot_count(settings), "slot"),
               directory.string());
    fmt::print(streams.out, "memory: about {}\n", text_of(start.memory));
    const std::uint32_t t = start.state.group.t;
    if (options.resume && t > 0) fmt::print(streams.out, "resumed after round {}\n", t);
    if (options.resume && t == 0) {
      fmt::print(streams.out, "no checkpoint yet: the run begins again\n");
    }
    progress.emplace(streams.out, every_round ? 0 : streams.columns, start.rounds, start.state,
                     every_round);
  };
  sinks.on_round = [&](const RoundRecord& record, double seconds) {
    progress->add(record, seconds);
  };
  sinks.on_evaluation = [&](const Round& round, const Evaluation& evaluation) {
    progress->add(round, evaluation);
  };
  sinks.interrupted = context.interrupted;
  const TrainingEnd end = train_in(directory, settings, options, sinks, context.law);
  progress->leave_bar();
  if (!end.result.finished) {
    fmt::print(streams.err,
               "mvsgd: interrupted after round {} of {}; to go on:\n"
               "  mvsgd train --resume {}\n",
               end.t, end.rounds, directory.string());
    return Exit::interrupted;
  }
  print_summary(streams.out, settings, end.result, end.steps_per_epoch, end.seconds, baseline);
  return Exit::good;
}

void add_train(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto options = std::make_shared<TrainOptions>();
  CLI::App* const command = app.add_subcommand("train", "Train, and count every bit");
  command->add_option("--preset", options->preset, "named settings ('mvsgd presets')")
      ->type_name("PRESET");
  command->add_option("--config", options->config, "settings as TOML, such as a run's config.toml")
      ->type_name("FILE");
  command
      ->add_option_function<std::vector<std::string>>(
          "--set",
          [options](const std::vector<std::string>& assignments) {
            for (const std::string& text : assignments) options->given.push_back(assigned(text));
          },
          "settings; may be repeated")
      ->trigger_on_parse()
      ->type_name("KEY=VALUE");
  command->add_option("--out", options->out, "directory of the run; default runs/...")
      ->type_name("DIR");
  command
      ->add_option("--resume", options->resume,
                   "go on with the run in RUN_DIR from its newest checkpoint, with its settings; "
                   "rounds and what changes no bit (slots, instruction_set, checkpoint_every, or "
                   "deadline, of processes) may be given anew")
      ->type_name("RUN_DIR")
      ->excludes("--preset", "--config", "--out");
  command->add_option("--baseline", options->baseline, "a finished run to compare with")
      ->type_name("RUN_DIR|FILE");
  command->add_option("--dump-wire", options->dump_wire, "write messages as they cross to DIR")
      ->type_name("DIR");
  add_list_option(*command, "--dump-rounds", options->dump_rounds,
                  "the rounds to dump, 0 for the initial model; default 1")
      ->type_name("ROUND,...");
  command->add_flag(
      "--tensorboard", options->tensorboard,
      "write an event file for TensorBoard into the run's directory; a resumed run that "
      "has one goes on with it");
  command
      ->add_option("--transport", options->transport,
                   "what workers and server are: threads of this process, or with mpi, in builds "
                   "that have it, of the processes that mpirun has started")
      ->capture_default_str()
      ->type_name("NAME");
  add_setting_options(*command, options->given, [](std::string_view) { return true; });
  command->footer(R"(Examples:
  mvsgd train --preset demo
  mvsgd train --preset ssgd-mv-l4 --data cifar-10 --width 16 --epochs 10
  mvsgd train --config runs/demo-seed1/config.toml --seed 2 --tensorboard
  mvsgd train --preset demo --quiet --out runs/mine
  mvsgd train --resume runs/mine)");
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] {
      return in_processes(options->transport, context,
                          [&](comm::Processes& processes, const CommandContext& here) {
                            return train(*options, here, processes);
                          });
    };
  });
}

}  // namespace mvsgd::sim
